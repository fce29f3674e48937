"""Further: who is asked for names that the plan has not."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from iocs.channel import Channel
from iocs.served import Served


class Names(Protocol):
    """Names that the plan has not."""

    @property
    def made(self) -> Iterable[Channel]:
        """See Channels."""
        ...

    def known(self, name: str) -> bool:
        """See Channels."""
        ...

    def find(self, name: str) -> tuple[Served, bool] | None:
        """See Channels."""
        ...

    def settling(self, name: str) -> "asyncio.Future[None] | None":
        """See Channels."""
        ...


class Further(Names, Protocol):
    """Other plans, and names of none."""

    def unlocked(self, device: str) -> None:
        """See Channels."""
        ...
