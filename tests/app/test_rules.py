"""From the configuration to rules, and an access file that is followed while the gateway runs."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from gateway.access.acf import parse_acf
from gateway.access.rules import Client
from gateway.app.rules import AccessWatch, journal_of, notes_of, rules_of
from gateway.config.gateway_section import GatewaySection
from gateway.core.errors import BadInput
from gateway.history.database import Database
from gateway.history.journal import FileJournal
from gateway.history.table_journal import TableJournal
from gateway.runtime.clock import SystemClock
from tests.plan.planning import planned
from tests.support.ca_client import free_port
from tests.support.leaks import check_leaks

OPEN, SHUT = "ASG(DEFAULT) {RULE(1,WRITE)}", "ASG(DEFAULT) {RULE(1,READ)}"
ALICE = Client("alice", "pc", "127.0.0.1")


def section(**keys: object) -> GatewaySection:
    return GatewaySection.model_validate(keys)


def test_rules_are_those_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "a.acf").write_text("XAG(a) " + SHUT)
    rules = rules_of(
        section(
            writes="on", access_file="a.acf", allow_write=["192.0.2.0/24"], lease="on", lease_longest=60, lock_longest=5
        ),
        tmp_path,
    )
    assert (True, True, 60, 5) == (rules.writes, rules.lease_needed, rules.leases.longest, rules.locks.longest)
    assert ["192.0.2.0/24"] == [str(network) for network in rules.networks]
    assert rules.access("DEFAULT", 0, ALICE).name == "READ"
    assert rules_of(section(), tmp_path).access("DEFAULT", 0, ALICE).name == "WRITE"


@pytest.mark.parametrize(
    ("text", "said"), [(None, "a.acf: cannot be read"), ("ASG(", "a.acf:1: the name of the ASG is expected")]
)
def test_a_start_with_rules_that_cannot_be_used_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "a.acf").write_text(text)
    with pytest.raises(BadInput, match=said):
        rules_of(section(access_file="a.acf"), tmp_path)


def test_a_journal_is_beside_the_configuration_and_its_log_server_is_checked(tmp_path: Path) -> None:
    assert journal_of(section(), tmp_path, SystemClock()) is None
    made = journal_of(section(audit={"file": "p.jsonl", "caputlog": "127.0.0.1:7011"}), tmp_path, SystemClock())
    assert made is not None
    (lines,) = made.parts
    assert isinstance(lines, FileJournal)
    assert (tmp_path / "p.jsonl", ("127.0.0.1", 7011)) == (lines.path, lines.server)
    with pytest.raises(BadInput, match=r"gateway.audit.caputlog: 'logs' is no host:port; write for example"):
        journal_of(section(audit={"file": "p", "caputlog": "logs"}), tmp_path, SystemClock())


def test_a_table_is_a_journal_beside_the_file_once_the_command_has_made_it(tmp_path: Path) -> None:
    both = section(audit={"file": "p.jsonl", "url": "sqlite:///p.db"})
    with pytest.raises(BadInput, match=r"p\.db has no schema yet; run: acgate db upgrade --url"):
        journal_of(both, tmp_path, SystemClock())
    Database("sqlite:///p.db", tmp_path).upgrade()
    made = journal_of(both, tmp_path, SystemClock())
    assert made is not None
    assert [FileJournal, TableJournal] == [type(part) for part in made.parts]


def test_a_database_that_is_away_ends_no_start_and_is_trouble(tmp_path: Path) -> None:
    url = f"postgresql://acgate@127.0.0.1:{free_port()}/acgate"
    made = journal_of(section(audit={"url": url}), tmp_path, SystemClock())
    assert made is not None
    with check_leaks():
        made.start()
        assert "cannot be written: " in made.trouble()
        assert made.stop()


def watch_over(tmp_path: Path, text: str, values: dict[str, float | None]) -> AccessWatch:
    (tmp_path / "a.acf").write_text(text)
    rules = rules_of(section(access_file="a.acf"), tmp_path)
    return AccessWatch(rules, tmp_path / "a.acf", values.get, lambda: None)


def replace_file(tmp_path: Path, text: str) -> None:
    """As editors do it: another file of the same name."""
    (tmp_path / "new").write_text(text)
    (tmp_path / "new").rename(tmp_path / "a.acf")


def test_a_file_that_changes_is_read_again_and_the_last_good_one_stays(tmp_path: Path) -> None:
    watch = watch_over(tmp_path, OPEN, {})
    assert not watch.look_at_file()
    replace_file(tmp_path, SHUT)
    assert watch.look_at_file()
    assert ("READ", "OK", 1) == (watch.rules.access("DEFAULT", 0, ALICE).name, watch.state, watch.reloads)
    replace_file(tmp_path, "ASG(DEFAULT) {RULE(1,WRITE}")
    assert not watch.look_at_file()
    assert "READ" == watch.rules.access("DEFAULT", 0, ALICE).name
    assert "a.acf:1: RULE: ')' is expected, not '}'" in watch.state
    (tmp_path / "a.acf").unlink()
    assert not watch.look_at_file()
    assert "cannot be read" in watch.state
    (tmp_path / "a.acf").write_text(OPEN)
    assert watch.look_at_file()
    assert ("WRITE", "OK") == (watch.rules.access("DEFAULT", 0, ALICE).name, watch.state)


def test_a_file_is_read_again_when_that_is_asked_for_though_it_looks_the_same(tmp_path: Path) -> None:
    watch = watch_over(tmp_path, OPEN, {})
    watch.ask()
    assert [True, False] == [watch.look_at_file() for _ in range(2)]


def test_inputs_are_followed(tmp_path: Path) -> None:
    values: dict[str, float | None] = {"GW:BEAM": 1.0}
    watch = watch_over(tmp_path, 'ASG(DEFAULT) {INPA(GW:BEAM) RULE(1,WRITE){CALC("A=0")}}', values)
    assert [True, False] == [watch.look_at_inputs() for _ in range(2)]
    assert "NONE" == watch.rules.access("DEFAULT", 0, ALICE).name
    values["GW:BEAM"] = 0.0
    assert watch.look_at_inputs()
    assert "WRITE" == watch.rules.access("DEFAULT", 0, ALICE).name
    values["GW:BEAM"] = None
    assert watch.look_at_inputs()
    assert "NONE" == watch.rules.access("DEFAULT", 0, ALICE).name


def test_an_input_that_cannot_be_had_gives_nothing_and_ends_nothing(tmp_path: Path) -> None:
    watch = watch_over(tmp_path, 'ASG(DEFAULT) {INPA(GW:BEAM) RULE(1,WRITE){CALC("A=0")}}', {"GW:BEAM": 0.0})
    assert watch.look_at_inputs()
    assert "WRITE" == watch.rules.access("DEFAULT", 0, ALICE).name

    def broken(_: str) -> float:
        raise ValueError("a getter broke")

    watch._value_of = broken
    assert watch.look_at_inputs()
    assert "NONE" == watch.rules.access("DEFAULT", 0, ALICE).name


def test_who_watches_is_told_of_changes_until_it_is_cancelled(tmp_path: Path) -> None:
    values: dict[str, float | None] = {"GW:BEAM": 1.0}
    watch = watch_over(tmp_path, 'ASG(DEFAULT) {INPA(GW:BEAM) RULE(1,WRITE){CALC("A=0")}}', values)

    async def main() -> None:
        told = asyncio.Event()
        watch.changed = told.set
        task = asyncio.create_task(watch.run())
        await asyncio.wait_for(told.wait(), 5)
        told.clear()
        replace_file(tmp_path, SHUT)
        await asyncio.wait_for(told.wait(), 5)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert 1 == watch.reloads


def test_what_will_not_work_as_written_is_told() -> None:
    text = "XAG(a) ASG(DEFAULT) {INPA(GW1:UPTIME) INPB(M:OUTTMP.VAL) INPC(X:Y) RULE(1,READ)}"
    entries = ["{device: 'M:OUTTMP', group: A}", "{device: 'G:AMANDA', group: A}", "{device: 'N:LGXS', group: B}"]
    notes = list(notes_of(parse_acf(text, "a.acf"), planned(*entries)))
    assert [
        "a.acf:1: XAG is no block of an access security file and was left out",
        "a.acf: there is no ASG(A), in which M:OUTTMP and 1 more are; ASG(DEFAULT) holds for them",
        "a.acf: there is no ASG(B), in which N:LGXS is; ASG(DEFAULT) holds for them",
        "a.acf: the input X:Y is no PV of this gateway; it is looked for at other IOCs",
    ] == notes
