"""Files and functions stay small enough to be read."""

import ast
from pathlib import Path

from tests.house.tree import ROOT, name, product_files

LONGEST_FILE = 500  # lines
LONG_FILE = 300
LONGEST_FUNCTION = 50
LONG_FILES = {  # why each is longer than LONG_FILE
    "iocs/channel.py": "a PV as clients see it: value, alarm, access and puts belong to one act",
}


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_no_file_is_longer_than_five_hundred_lines() -> None:
    files = [*product_files(), *sorted((ROOT / "tests").rglob("*.py"))]

    assert {name(path): lines(path) for path in files if lines(path) > LONGEST_FILE} == {}


def test_a_file_of_more_than_three_hundred_lines_has_its_reason() -> None:
    assert {name(path) for path in product_files() if lines(path) > LONG_FILE} <= set(LONG_FILES)


def test_a_function_fits_a_screen() -> None:
    long = {}
    for path in product_files():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long[f"{name(path)}:{node.name}"] = length

    assert long == {}
