"""The files of the repository, for the tests of the house."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("gateway", "devices", "iocs", "simulator")
GROUND = ("core", "wire", "config", "access", "plan")  # rooms of gateway
GENERATED = "gateway/wire/protobuf/"


def product_files() -> list[Path]:
    """The Python files of the program, without generated ones."""
    found = (path for room in PRODUCT for path in sorted((ROOT / room).rglob("*.py")))
    return [path for path in found if not name(path).startswith(GENERATED)]


def ground_modules(room: str) -> list[Path]:
    """The modules of a room of the ground; a package's `__init__` has nothing to test."""
    return sorted(path for path in (ROOT / "gateway" / room).glob("*.py") if path.name != "__init__.py")


def name(path: Path) -> str:
    """The path below the root, with slashes."""
    return path.relative_to(ROOT).as_posix()


def kept_files() -> list[Path]:
    """Every file that git keeps or would keep."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [path for part in listed.split("\0") if part and (path := ROOT / part).is_file()]


def calls(path: Path, function: str) -> Iterator[int]:
    """The lines in which a file calls a function of that name, plain or as an attribute."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func
            if (isinstance(called, ast.Name) and called.id == function) or (
                isinstance(called, ast.Attribute) and called.attr == function
            ):
                yield node.lineno
