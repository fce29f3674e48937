"""Configuration files: includes are beside them, and what cannot be read is named."""

from pathlib import Path

import pytest

from gateway.app.config_file import read_config, read_text
from gateway.core.errors import BadInput

TEXT = "backends: {a: {url: 'sim:'}}\ndevices:\n  - include: d.csv\n"


def test_includes_are_read_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(TEXT)
    (tmp_path / "d.csv").write_text("device\nM:X\n")

    config = read_config(tmp_path / "c.yaml", {})

    assert config.file == str(tmp_path / "c.yaml")
    assert config.devices[0].file == "d.csv"


def test_the_environment_of_the_process_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.yaml").write_text("backends: {a: {url: 'sim:'}}\n")
    monkeypatch.setenv("ACGATE__GATEWAY__NAME", "OTHER")

    assert read_config(str(tmp_path / "c.yaml")).gateway.name == "OTHER"


def test_an_include_that_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(TEXT)
    (tmp_path / "d.csv").write_bytes(b"\xff\xfe")

    with pytest.raises(BadInput, match=r"c.yaml:3: include: cannot read 'd.csv' \(is no UTF-8 text\)"):
        read_config(tmp_path / "c.yaml", {})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xff")

    with pytest.raises(BadInput, match="is no UTF-8 text; name a file"):
        read_text(tmp_path / "c.yaml")
    with pytest.raises(BadInput, match="cannot be read"):
        read_text(tmp_path)
