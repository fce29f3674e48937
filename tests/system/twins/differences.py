"""The differences that are on purpose, as the table of docs/reference/channel-access.md names them."""

import re
from fnmatch import fnmatchcase
from typing import Any

from tests.support.processes import ROOT

PAGE = ROOT / "docs" / "reference" / "channel-access.md"
KINDS = ("monitor", "get", "put", "create", "field", "rights")


def patterns(kind: str) -> list[str]:
    """The cases of one kind that the table excepts."""
    table = PAGE.read_text("utf-8").partition("## Where acgate differs on purpose")[2]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    cases = [case for row in rows for case in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    assert {case.split()[0] for case in cases} <= set(KINDS), "a row of the table is of no kind that is compared"
    return [case for case in cases if case.split()[0] == kind]


def _first(c: Any, g: Any) -> str:
    """Where two answers begin to differ."""
    if isinstance(c, list | tuple) and isinstance(g, list | tuple) and len(c) == len(g):
        place = next(at for at in range(len(c)) if c[at] != g[at])
        return f"[{place}] {_first(c[place], g[place])}"
    if isinstance(c, dict) and isinstance(g, dict) and c.keys() == g.keys():
        place = next(at for at in c if c[at] != g[at])
        return f"{place} {_first(c[place], g[place])}"
    return f"C {str(c)[:300]} acgate {str(g)[:300]}"


def check(kind: str, found: dict[str, tuple[Any, Any]]) -> None:
    """The two answers of every case are equal, or the table says that they are not; and it says nothing else."""
    different = {case: pair for case, pair in found.items() if pair[0] != pair[1]}
    excepted = patterns(kind)
    unsaid = [case for case in different if not any(fnmatchcase(case, one) for one in excepted)]
    said = "\n".join(f"{case}: {_first(*different[case])}" for case in unsaid)
    assert not unsaid, f"C IOC and acgate differ in {len(unsaid)} cases, and the table does not say so:\n{said}"
    stale = [one for one in excepted if not any(fnmatchcase(case, one) for case in different)]
    assert not stale, f"the table names differences that are none: {stale}"
