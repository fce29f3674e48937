"""The ready file is there at once and whole."""

import json
import os
from pathlib import Path

import pytest

from gateway.app.ready_file import write_ready
from gateway.core.errors import BadInput


def test_it_holds_the_process_and_what_is_said(tmp_path: Path) -> None:
    write_ready(tmp_path / "ready", ca_port=5064, http=None)

    assert json.loads((tmp_path / "ready").read_text()) == {"pid": os.getpid(), "ca_port": 5064, "http": None}
    assert [path.name for path in tmp_path.iterdir()] == ["ready"]


def test_an_older_one_is_replaced(tmp_path: Path) -> None:
    write_ready(str(tmp_path / "ready"), pvs=1)
    write_ready(str(tmp_path / "ready"), pvs=2)

    assert json.loads((tmp_path / "ready").read_text())["pvs"] == 2


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="absent/ready: cannot be written"):
        write_ready(tmp_path / "absent" / "ready")
