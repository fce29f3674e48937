"""The journal of puts: one line for each, nothing lost while the file cannot be written, a copy for a log server."""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.put_row import PutRow
from gateway.history import queued as journal
from gateway.history.journal import FileJournal
from gateway.runtime.clock import SystemClock
from tests.support.leaks import check_leaks

ROW = PutRow("1", 1_790_000_000_000_000_000, "M:X:SP", "M:X", "alice", "pc", "127.0.0.1", "1", "2", "", "ACCEPTED", "",
             "", 1_790_000_000_000_000_000)  # fmt: skip
PATIENCE = 10.0  # s


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ids(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_each_put_is_one_line_in_order_and_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "puts.jsonl"
    with check_leaks():
        for start in (0, 500):
            kept = FileJournal(path, "GW1", SystemClock())
            kept.start()
            for number in range(start, start + 500):
                kept.record(replace(ROW, id=str(number)))
            assert kept.stop()
            assert ("", 0, 0) == (kept.trouble(), kept.waiting, kept.lost)
    assert [str(number) for number in range(1000)] == ids(path)


def test_a_file_that_cannot_be_written_is_told_before_the_first_put(tmp_path: Path) -> None:
    with check_leaks():
        kept = FileJournal(tmp_path / "absent" / "puts.jsonl", "GW1", SystemClock())
        kept.start()
        assert "puts.jsonl cannot be written: No such file or directory" in kept.trouble()
        assert kept.stop()


def test_rows_wait_until_the_file_can_be_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "PATIENCE", 0.05)
    folder = tmp_path / "disk"
    path = folder / "puts.jsonl"
    folder.mkdir()
    with check_leaks():
        kept = FileJournal(path, "GW1", SystemClock())
        kept.start()
        kept.record(replace(ROW, id="before"))
        until(lambda: kept.written == 1)
        moved = folder.rename(tmp_path / "away")
        kept.record(replace(ROW, id="while"))
        until(lambda: bool(kept.trouble()))
        assert 1 == kept.waiting
        moved.rename(folder)
        until(lambda: kept.written == 2)
        assert "" == kept.trouble()
        assert kept.stop()
    assert ["before", "while"] == ids(path)


def test_what_waits_is_bounded_and_what_is_lost_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "ROWS", 3)
    kept = FileJournal(tmp_path / "absent" / "puts.jsonl", "GW1", SystemClock())
    for _ in range(5):
        kept.record(ROW)
    assert (3, 2) == (kept.waiting, kept.lost)


def test_a_log_server_gets_a_copy_and_its_absence_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "puts.jsonl"
    with check_leaks(), socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        kept = FileJournal(path, "GW1", SystemClock(), ("127.0.0.1", server.getsockname()[1]))
        kept.start()
        kept.record(ROW)
        link, _ = server.accept()
        with link:
            link.settimeout(PATIENCE)
            assert link.recv(1000).endswith(b" pc alice M:X:SP new=2 old=1\n")
        server.close()
        for number in range(20):
            kept.record(replace(ROW, id=str(number)))
            until(lambda: kept.waiting == 0)
        assert kept.stop()
    assert 21 == len(ids(path))
