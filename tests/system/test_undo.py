"""Undo: one's own puts go back, others' stay, and what is not where it was left stays, too."""

import json
from pathlib import Path

import pytest

from tests.support.ca_client import CaClient
from tests.support.processes import Running, Site, until

DEVICES = "".join(f'  - {{device: "{name}", writable: true, properties: "reading, setting"}}\n'
                  for name in ("Z:ACLTST", "Z:ACLTS1", "N:H801", "Z:OFFSET", "Z:CLIP"))  # fmt: skip
CONFIG = f"""gateway: {{name: GW1, interfaces: [127.0.0.1], writes: on, audit: {{file: puts.jsonl, url: 'sqlite:///puts.db'}}}}
backends: {{sim: {{url: "sim:"}}}}
devices:
{DEVICES}"""


@pytest.fixture
def site(tmp_path: Path):
    with Site(tmp_path) as made:
        made_table = made.acgate("db", "upgrade", "--url", table(made))
        assert 0 == made_table.wait(60), made_table.report()
        made.run(CONFIG)
        yield made


def table(site: Site) -> str:
    return f"sqlite:///{site.folder / 'puts.db'}"


def undo(site: Site, *words: str, journal: str = "") -> Running:
    command = site.acgate("undo", journal or str(site.folder / "puts.jsonl"), *words)
    command.wait(60)
    return command


def in_table(site: Site, *words: str) -> list[dict[str, object]]:
    asked = site.acgate("journal", table(site), "--json", *words)
    assert 0 == asked.wait(60), asked.report()
    return [json.loads(line) for line in asked.out.splitlines()]


def value(site: Site, name: str) -> float:
    with CaClient(site.ca_port) as client:
        found = client.get(client.create(name))
    assert isinstance(found, float)
    return found


def test_twenty_puts_of_three_people_and_one_of_them_goes_back(site: Site) -> None:
    before = {name: value(site, f"{name}:SP") for name in ("Z:ACLTST", "Z:ACLTS1", "N:H801")}
    people = {user: CaClient(site.ca_port, user=user) for user in ("alice", "bob", "carl")}
    plan = [("alice", "Z:ACLTST"), ("alice", "Z:ACLTS1"), ("bob", "N:H801"), ("alice", "Z:CLIP"), ("carl", "Z:CLIP")]
    for number in range(4):
        for user, name in plan:
            with_value = 2.0 + number
            assert 1 == people[user].put(people[user].create(f"{name}:SP"), with_value)
    for client in people.values():
        client.link.close()
    journal = site.folder / "puts.jsonl"
    assert until(lambda: 20 == len(journal.read_text().splitlines()), 10)

    rehearsed = undo(site, "--since", "5m", "--user", "alice", "--dry-run")
    assert f"Z:ACLTST:SP: 5.0 -> {before['Z:ACLTST']} (not done)" in rehearsed.out
    assert 5.0 == value(site, "Z:ACLTST:SP_RBV")

    assert until(lambda: 20 == len(in_table(site)), 10)
    assert [json.loads(line)["id"] for line in journal.read_text().splitlines()] == [
        row["id"] for row in in_table(site)
    ]
    assert 4 == len(in_table(site, "--device", "Z:CLIP", "--user", "carl", "--since", "5m"))
    done = undo(site, "--since", "5m", "--user", "alice", journal=table(site))
    assert 0 == done.wait(1), done.report()
    assert "stays: carl@console has set it since" in done.out
    assert until(lambda: before["Z:ACLTST"] == value(site, "Z:ACLTST:SP_RBV"), 10)
    assert until(lambda: before["Z:ACLTS1"] == value(site, "Z:ACLTS1:SP_RBV"), 10)
    assert (5.0, 5.0) == (value(site, "N:H801:SP_RBV"), value(site, "Z:CLIP:SP_RBV"))
    with CaClient(site.ca_port) as client:  # what was put back was put by us
        assert [0, 0] == [client.get(client.create(f"{name}:WR:FOREIGN")) for name in ("Z:ACLTST", "Z:ACLTS1")]
    rows = [json.loads(line) for line in journal.read_text().splitlines()]
    assert ["ACCEPTED", "ACCEPTED"] == [row["outcome"] for row in rows[20:]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--since", "yesterday"], "--since: 'yesterday' is no time; write for example 2026-11-25T08:00 or 30m"),
        (["--since", "5m", "--user", "nobody"], "nobody has set nothing since then"),
    ],
)
def test_what_cannot_be_understood_or_done_is_said(site: Site, words: list[str], said: str) -> None:
    (site.folder / "puts.jsonl").touch()
    command = undo(site, *words)
    assert said in command.out + command.err


def test_a_file_that_is_no_journal_is_named_with_its_line(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        (tmp_path / "puts.jsonl").write_text("{}\n")
        command = undo(site, "--since", "5m")
        assert 2 == command.wait(1)
        assert "puts.jsonl:1: is no line of a journal of puts" in command.err
