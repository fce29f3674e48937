"""The journal as a table, in SQLite and in PostgreSQL: made by `acgate db` alone, one row per put, none lost."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.app.cli import main
from gateway.app.history import rows_of
from gateway.core.errors import BadInput
from gateway.history import queued
from gateway.history.database import NEWEST, Database, NoDatabase, WrongSchema
from gateway.history.queued import Journals
from gateway.history.table_journal import TableJournal
from tests.history.test_journal import ROW
from tests.support.leaks import check_leaks
from tests.support.postgres import Postgres, postgres

PATIENCE = 60.0  # s
KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a schema."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'puts.db'}"
    running: Postgres = request.getfixturevalue("server")
    with Database(running.url).connected() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    return running.url


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_only_the_command_makes_the_schema_and_a_second_time_it_changes_nothing(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Database(url).place
    assert 2 == main(["db", "current", "--url", url])
    assert f"{place} has no schema yet; run: acgate db upgrade --url '{place}'\n" == capsys.readouterr().err
    assert "" == Database(url).version()
    assert [0, 0, 0] == [main(["db", word, "--url", url]) for word in ("upgrade", "upgrade", "current")]
    said = capsys.readouterr().out.splitlines()
    assert [f"{place}: schema {NEWEST}", f"{place}: schema {NEWEST} already"] == said[:2]
    assert "secret" not in "".join(said)


def test_the_schema_of_a_later_program_is_left_alone(url: str) -> None:
    database = Database(url)
    database.upgrade()
    with database.connected() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '999'"))
    for use in (database.check, database.upgrade):
        with pytest.raises(WrongSchema, match="has schema 999, which is newer than this acgate"):
            use()


def test_each_put_is_one_row_however_often_it_is_written_and_the_query_gives_it_back(url: str) -> None:
    Database(url).upgrade()
    odd = replace(ROW, id="odd", device="M:Y", user="bob", new="\0\udcff'; DROP TABLE puts; --")
    with check_leaks():
        kept = TableJournal(Database(url), "GW1")
        kept.start()
        assert "" == kept.trouble()
        for number in range(300):
            kept.record(replace(ROW, id=str(number), answered_ns=ROW.answered_ns + number))
        kept.record(replace(ROW, id="7", answered_ns=ROW.answered_ns + 7))  # as after a commit nobody heard of
        kept.record(odd)
        until(lambda: kept.waiting == 0)
        assert kept.stop()
    rows = list(rows_of(url))
    assert 301 == len(rows)
    assert {"gateway": "GW1", **asdict(replace(ROW, id="299", answered_ns=ROW.answered_ns + 299))} == rows[-1]
    assert ["??'; DROP TABLE puts; --"] == [row["new"] for row in rows_of(url, user="bob")]
    assert ["odd"] == [row["id"] for row in rows_of(url, device="M:Y")]
    assert [] == list(rows_of(url, since_ns=ROW.time_ns + 1))


def test_a_table_that_is_not_there_yet_is_trouble_until_the_command_was_called(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queued, "PATIENCE", 0.05)
    with check_leaks():
        kept = TableJournal(Database(url), "GW1")
        kept.start()
        assert "run: acgate db upgrade --url" in kept.trouble()
        kept.record(ROW)
        Database(url).upgrade()
        until(lambda: kept.written == 1)
        assert "" == kept.trouble()
        assert kept.stop()


def test_rows_wait_while_the_server_is_away_and_trouble_refuses_what_must_be_recorded(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queued, "PATIENCE", 0.05)
    Database(server.url).upgrade()
    before = len(list(rows_of(server.url)))
    with check_leaks():
        kept = Journals([TableJournal(Database(server.url), "GW2")])
        kept.start()
        server.stop()
        kept.record(replace(ROW, id="while"))
        until(lambda: bool(kept.trouble()))
        assert "127.0.0.1" in kept.trouble()
        assert "secret" not in kept.trouble()
        with pytest.raises(NoDatabase):
            list(rows_of(server.url))
        assert server.start()
        until(lambda: not kept.trouble())
        assert kept.stop()
        assert 0 == kept.lost
    assert before + 1 == len(list(rows_of(server.url)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("puts.db", "'puts.db' is no URL of a database; write for example sqlite:///puts.db"),
        ("mysql://db1/acgate", "'mysql' is no database that is known here"),
        ("sqlite://", "'sqlite://' names no file"),
    ],
)
def test_a_url_that_is_none_of_ours_is_refused_with_what_would_be_right(given: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Database(given)
