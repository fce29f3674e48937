"""Where threads are started and text is printed, which names are not used, and what is never kept."""

import ast
import re

from tests.house.tree import calls, kept_files, name, product_files

FORBIDDEN = {"manager", "handler", "handlers", "utils", "util", "misc"}  # as part of a name
FORBIDDEN_ALONE = {"common", "base", "data"}
COMMANDS = "gateway/app/commands/"
# spelled in parts, since this file is kept too
MACHINE = re.compile("|".join(("/wo" + "rk/", "/ro" + "ot/", "/ho" + r"me/\w", "/tm" + r"p/\w", "pypi" + "-more")))
TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".sh", ".csv", ".cfg", ""}


def parts(text: str) -> set[str]:
    """The words of a name in snake or camel case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}


def test_threads_are_started_in_one_file() -> None:
    found = [name(path) for path in product_files() for _ in calls(path, "Thread")]

    assert set(found) == {"gateway/runtime/worker.py"}


def test_text_is_printed_by_commands_only() -> None:
    found = [f"{name(path)}:{line}" for path in product_files() for line in calls(path, "print")]

    assert [place for place in found if not place.startswith(COMMANDS)] == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    found = [path for path in product_files() if parts(path.stem) & FORBIDDEN or path.stem in FORBIDDEN_ALONE]

    assert [name(path) for path in found] == []


def test_no_class_has_a_name_that_says_nothing() -> None:
    found = [
        f"{name(path)}: {node.name}"
        for path in product_files()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
        and (parts(node.name) & FORBIDDEN or node.name.lower().strip("_") in FORBIDDEN_ALONE)
    ]

    assert found == []


def test_no_place_of_one_machine_is_kept() -> None:
    found = []
    for path in kept_files():
        if path.suffix in TEXT:
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                if MACHINE.search(line):
                    found.append(f"{name(path)}:{number}: {line.strip()[:80]}")

    assert found == []
