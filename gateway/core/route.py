"""Route: which backends may serve a device, in order of preference, for reading and for writing (contract.md 3)."""

from dataclasses import dataclass
from typing import TypeAlias

Names: TypeAlias = tuple[str, ...]  # of backends in the configuration; the first that works serves


@dataclass(frozen=True, slots=True)
class Route:
    """An ordered choice of backends per operation; equal routes share their threads."""

    read: Names  # readings, streams and readbacks; at least one
    write: Names  # settings; empty where none of them can write

    @property
    def names(self) -> Names:
        """Every backend of the route, once, the preferred ones of reading first."""
        return tuple(dict.fromkeys((*self.read, *self.write)))

    def text(self, writing: bool) -> str:
        """The route for people, with the way of settings where it matters and is another one."""
        read = ", ".join(self.read)
        return f"read {read}; write {', '.join(self.write)}" if writing and self.write != self.read else read
