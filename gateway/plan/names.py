"""ACNET names and PV names: which name a device's PVs have, and what EPICS allows (contract.md 4)."""

import re
from collections.abc import Iterator

from gateway.core.drf import DataRequest

LONGEST_NAME = 60  # characters of a PV name that every EPICS tool takes
LONGEST_UNITS = 7  # bytes in DBR_CTRL types, without the closing NUL
LONGEST_LABEL = 25  # bytes of an enum label, without the closing NUL
MOST_LABELS = 16

_LONGEST_SUFFIX = 40  # no suffix that a device has is longer
_FIELD = re.compile(r"\.[A-Z]{1,4}\$?\Z")


def pv_name(request: DataRequest, name: str | None) -> str:
    """The name of a device's reading PV, the prefix of its others: the configured one, or the device's own."""
    return request.device if name is None else name


def name_reason(name: str) -> str | None:
    """Why a configured PV name cannot be one, in one sentence; None when it can."""
    if name.endswith(":"):
        return f"{name!r} ends in a colon; the parts of a device's PVs follow after one"
    if _FIELD.search(name):
        return f"{name!r} ends like a record field; leave out what follows the dot"
    return None


def splits(name: str) -> Iterator[tuple[str, str]]:
    """Every way to take a PV name for a device's and a suffix, the longest device name first."""
    yield name, ""
    place = name.rfind(":")
    while place > 0 and len(name) - place <= _LONGEST_SUFFIX:
        if place + 1 < len(name):
            yield name[:place], name[place + 1 :]
        place = name.rfind(":", 0, place)


def label(text: str) -> str:
    """A text as far as an enum label can hold it: Latin-1, cut by bytes."""
    return text.encode("latin-1", "replace")[:LONGEST_LABEL].decode("latin-1")


def suffix(text: str) -> str:
    """A label as the last part of a PV name: capitals, at most 20, what is neither letter nor digit as `_`."""
    return re.sub("[^A-Z0-9_-]", "_", text.upper())[:20] or "_"
