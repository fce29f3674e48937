"""What a circuit needs of its server, and a channel as one client has it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from gateway.access.judge import Refusal
from iocs.fast import messages as ca
from iocs.put import Put
from iocs.served import Served
from iocs.store import Store

if TYPE_CHECKING:
    from iocs.fast.circuit import Circuit


@dataclass(slots=True)
class Holding:
    """What all circuits of one address have."""

    channels: int = 0
    monitors: int = 0


class Service(Protocol):
    """What a circuit needs of its server."""

    store: Store
    largest: int  # bytes of one message
    largest_value: int | None  # bytes of values in one message to a client; None for no limit
    most_channels: int  # of one circuit
    most_monitors: int  # of one circuit
    most_of_address: Holding
    settling: Callable[[str], "asyncio.Future[None] | None"]  # what to wait for before a channel of a name is made

    def find(self, name: str) -> tuple[Served, bool] | None:
        """The channel of a name, and whether the name asks for a long string."""
        ...

    def known(self, name: str) -> bool:
        """Whether the name is served; makes nothing."""
        ...

    def opened(self, circuit: "Circuit") -> Holding | None:
        """Count a new circuit; what its address has, or None to refuse it."""
        ...

    def closed(self, circuit: "Circuit") -> None:
        """Forget a circuit."""
        ...

    def rights(self, channel: Served, who: Put) -> int:
        """Access rights of one client."""
        ...

    @property
    def restricts(self) -> bool:
        """Whether rights depend on the client, and may change."""
        ...

    def begin(self, put: Coroutine[Any, Any, None]) -> None:
        """Run the coroutine of a put."""
        ...

    def denied(self, channel: Served, value: Any, put: Put, refusal: Refusal | None) -> None:
        """A put never came to its device: tell the journal and the outcome PVs. None: for want of rights."""
        ...


@dataclass(slots=True, eq=False)
class Client:
    """A channel as one client has it."""

    cid: int
    channel: Served
    long_string: bool
    rights: int = ca.RIGHT_READ
    subscriptions: set[int] = field(default_factory=set)
    asked: dict[int, ca.Message] = field(default_factory=dict)  # subscriptions, where rights may change
