"""The floors of the house hold, and a breach of each contract is seen."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import PRODUCT, ROOT, name, product_files


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )


def test_every_contract_of_the_floors_is_kept() -> None:
    ended = lint(ROOT)

    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize(
    ("file", "breach", "contract"),
    [
        ("gateway/core/errors.py", "import gateway.plan.names", "Floors: a room imports only what lies below it"),
        ("gateway/plan/names.py", "import socket", "The ground does no I/O and knows no clock"),
        ("devices/confirm.py", "import simulator.texts", "Devices, IOCs and history know the ports, not the adapters"),
        (
            "simulator/texts.py",
            "import caproto",
            "Channel Access is spoken in iocs, automation and the name server only",
        ),
    ],
)
def test_a_breach_of_a_contract_is_seen(file: str, breach: str, contract: str, tmp_path: Path) -> None:
    for room in PRODUCT:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a") as text:
        text.write(f"\n{breach}\n")

    assert f"{contract} BROKEN" in lint(tmp_path).stdout


def test_siblings_are_imported_by_module_and_not_through_the_folder() -> None:
    inits = [path for path in product_files() if path.name == "__init__.py"]

    assert [name(path) for path in inits if "import" in path.read_text("utf-8")] == []
