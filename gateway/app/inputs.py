"""Inputs: where the inputs of the access file come from: PVs of this gateway, and of other IOCs."""

from collections.abc import Iterable
from typing import Protocol

from iocs.links import Links


class Own(Protocol):
    """The PVs of this gateway."""

    def known(self, name: str) -> bool:
        """Whether the name is served; makes nothing."""
        ...

    def value_of(self, name: str) -> float | None:
        """The value of a PV; None when it has no valid one."""
        ...


class Inputs:
    """What this gateway serves is asked for here; every other name is followed at other IOCs."""

    def __init__(self, own: Own, links: Links) -> None:
        self._own, self._links = own, links
        self._foreign: set[str] = set()

    def follow(self, names: Iterable[str]) -> None:
        """These inputs, and no others from now on."""
        self._foreign = {name for name in names if not self._own.known(name)}
        self._links.follow(self._foreign)

    def value_of(self, name: str) -> float | None:
        """The value of an input; None when it has no valid one."""
        return self._links.value_of(name) if name in self._foreign else self._own.value_of(name)
