"""Put and PutFailed: who puts, and why a put was not written."""

from collections.abc import Hashable
from dataclasses import dataclass

from gateway.access.judge import Layer
from gateway.access.rules import Client
from gateway.core.severity import Alarm

RIGHTS = frozenset({Layer.WRITES, Layer.DEVICE, Layer.NETWORK, Layer.ACCESS})  # told by access rights, too


@dataclass(frozen=True, slots=True)
class Put:
    """Who puts. User and host are what the client claims, good for labels; the address is real."""

    user: str
    host: str
    address: str
    circuit: Hashable = None

    @property
    def client(self) -> Client:
        """As access security sees it."""
        return Client(self.user, self.host, self.address)

    @property
    def who(self) -> str:
        """user@host, for the journal and `:WR:WHO`."""
        return f"{self.user or 'unknown'}@{self.host or self.address}"


class PutFailed(Exception):
    """A put was refused or failed; the text says by whom and why, and the layer who refused it here."""

    def __init__(self, reason: str, layer: Layer | None = None, alarm: Alarm | None = None) -> None:
        super().__init__(reason)
        self.layer = layer
        self.alarm = alarm  # that what was put to deserves; None where nothing was sent

    @property
    def by_rights(self) -> bool:
        """Whether the client lacks the right to write."""
        return self.layer in RIGHTS


class NotSettable(PutFailed):
    """The PV takes no puts at all; nobody was told yet."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, Layer.DEVICE)
