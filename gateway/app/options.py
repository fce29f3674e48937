"""Options: what a gateway may be told besides its parts."""

from dataclasses import dataclass, field
from pathlib import Path

from gateway.backends.route_stream import Failover
from iocs.environment import ClientSettings


@dataclass(frozen=True, slots=True)
class Options:
    """What a gateway may be told besides its parts."""

    fast: bool = True  # plain scalars as rows
    failover: Failover = field(default_factory=Failover)
    access_path: Path | None = None  # the access security file, looked at again and again
    most_waiting: int = 10_000  # settings that may wait per route
    most_waiting_of_client: int = 2000  # of one client
    client: ClientSettings = field(default_factory=lambda: ClientSettings(()))  # to look for inputs of the access file
