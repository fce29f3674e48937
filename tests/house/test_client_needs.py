"""The page of what clients need names tests that exist, and every need has one or says that it is open."""

import re

from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "reference" / "client-needs.md"
ROWS = [line for line in PAGE.read_text("utf-8").splitlines() if re.match(r"\| [0-9]+[0-9a-z.]* \|", line)]


def test_every_need_has_a_test_that_exists_or_is_said_to_be_open() -> None:
    assert len(ROWS) > 60
    for row in ROWS:
        named = re.findall(r"`([a-z_/]+\.py)(?:::([a-z_0-9]+))?`", row)
        assert named or "open:" in row, row
        for file, test in named:
            text = (ROOT / file).read_text("utf-8")
            assert f"def {test}(" in text if test else "def test_" in text, f"{row}: {file} {test}"


def test_no_need_is_named_twice() -> None:
    numbers = [row.split("|")[1].strip() for row in ROWS]
    assert sorted(set(numbers)) == sorted(numbers)
