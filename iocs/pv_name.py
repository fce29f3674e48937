"""A name as a client asks for it: the PV, a field of its record, `$` for a long string, channel filters. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 256  # characters of what is looked up
MOST_DOTS = 16  # at which a name is cut; each cut is a look into the plan
_REST = re.compile(r"(?P<field>[A-Z][A-Z0-9]*)?(?P<long>\$)?(?P<filters>[\[{].*)?", re.DOTALL)


class Asked(NamedTuple):
    """What a name asks for."""

    pv: str
    field: str = ""  # empty for the value
    long_string: bool = False
    filters: str = ""


def readings(name: str) -> Iterator[Asked]:
    """Every way to read a name: as it stands, and cut at each dot where a field or filters could follow.

    What stands first is meant where a PV has such a name. `X$` asks for a long string without a dot, too.
    """
    if len(name) > LONGEST:
        return
    yield Asked(name)
    at = -1
    for _ in range(MOST_DOTS):
        at = name.find(".", at + 1)
        if at < 1:
            break
        found = _REST.fullmatch(name, at + 1)
        if found is not None:
            field = found["field"] or ""
            yield Asked(name[:at], "" if field == "VAL" else field, found["long"] is not None, found["filters"] or "")
    if name.endswith("$"):
        yield Asked(name[:-1], long_string=True)
