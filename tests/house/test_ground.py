"""Each module of the ground has a test file of its name, and the tests of its room take every branch of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import GROUND, ROOT, ground_modules, name


@pytest.mark.parametrize("room", GROUND)
def test_each_module_has_a_test_file_of_its_name(room: str) -> None:
    tests = {path.name for path in (ROOT / "tests" / room).glob("test_*.py")}

    assert [path.name for path in ground_modules(room) if f"test_{path.name}" not in tests] == []


@pytest.mark.timeout(600)
def test_the_tests_of_a_room_take_every_branch_of_its_modules(tmp_path: Path) -> None:
    rooms = [f"tests/{room}" for room in GROUND]
    source = ",".join(f"gateway.{room}" for room in GROUND)
    environment = {**os.environ, "COVERAGE_FILE": str(tmp_path / "data")}

    def coverage(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "coverage", *words]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=580, check=False
        )

    pytest_words = ("pytest", "-q", "-p", "no:cacheprovider", *rooms)
    ended = coverage("run", "--branch", f"--source={source}", "-m", *pytest_words)
    assert ended.returncode == 0, ended.stdout
    coverage("json", "-o", str(tmp_path / "report.json"))
    files = json.loads((tmp_path / "report.json").read_text())["files"]

    assert {name(module) for room in GROUND for module in ground_modules(room)} <= set(files)
    assert {path: (found["missing_lines"], found["missing_branches"])
            for path, found in files.items() if found["missing_lines"] or found["missing_branches"]} == {}  # fmt: skip
