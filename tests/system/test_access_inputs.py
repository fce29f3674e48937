"""Inputs of the access file that another IOC has: a C IOC that comes, hangs, goes and comes again."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.core.severity import NO_ALARM, Alarm, Severity, Stat
from tests.support.ca_client import CaClient, free_port
from tests.support.processes import Site, until
from tests.system.twins.conftest import SoftIoc, Step

RULES = """ASG(DEFAULT) {
    INPA(C:AI)
    RULE(1,READ)
    RULE(1,WRITE) { CALC("A = 0") }
}
"""
INVALID = Alarm(Severity.INVALID, Stat.READ)
OPEN, SHUT = {"pv": "Z:ACLTST:SP", "read": 1, "write": 1}, {"pv": "Z:ACLTST:SP", "read": 1, "write": 0}


class Stage:
    """A gateway whose rules ask for a PV of an IOC that is not there yet, and a client of the gateway by libca."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self._opened = opened
        self.ioc_port = free_port()
        self.site = opened.enter_context(Site(folder))
        (folder / "site.acf").write_text(RULES)
        config = folder / "gateway.yaml"
        config.write_text(
            "gateway: {name: GW1, interfaces: [127.0.0.1], writes: on, access_file: site.acf}\n"
            'backends: {sim: {url: "sim:"}}\ndevices: [{device: "Z:ACLTST", writable: true}]\n'
        )
        more = {"EPICS_CA_ADDR_LIST": f"127.0.0.1:{self.ioc_port}", "EPICS_CA_CONN_TMO": "1"}
        self.gateway = self.site.acgate("run", str(config), ready=True, more=more)
        self.client = self.site.client("rights_pyepics", "Z:ACLTST:SP", stdin=True)
        assert until(lambda: {"connected": 1} in self.client.lines(), 30), self.client.report()

    def start_ioc(self, number: float) -> SoftIoc:
        ioc = SoftIoc(self.site, self.ioc_port)
        self._opened.callback(ioc.running.close)
        ioc.ready()
        ioc.tell(Step("AI", number), NO_ALARM)
        return ioc

    def rights(self) -> dict[str, int]:
        """The newest that the client was told."""
        return [line for line in self.client.lines() if "write" in line][-1]

    def becomes(self, rights: dict[str, int]) -> bool:
        return until(lambda: self.rights() == rights, 20)

    def report(self) -> str:
        return f"{self.client.report()}\n{self.gateway.report()}"

    def invalid(self) -> str:
        with CaClient(self.site.ca_port) as client:
            return str(client.get(client.create("GW1:ACCESS:INVALID"), 0))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as opened:
        made = Stage(tmp_path_factory.mktemp("inputs"), opened)
        yield made
        made.gateway.end()


def test_rights_follow_an_input_of_another_ioc_and_nobody_may_set_while_it_is_not_there(stage: Stage) -> None:
    assert stage.rights() == SHUT, "an input that was never connected gives nothing"
    assert "C:AI" == stage.invalid()
    ioc = stage.start_ioc(0.0)
    assert stage.becomes(OPEN), stage.report()
    assert "" == stage.invalid()
    for value, alarm, rights in (
        (1.0, NO_ALARM, SHUT),
        (0.0, NO_ALARM, OPEN),
        (0.0, INVALID, SHUT),
        (0.0, NO_ALARM, OPEN),
    ):
        ioc.tell(Step("AI", value), alarm)
        assert stage.becomes(rights), (value, alarm, stage.report())
    ioc.running.process.send_signal(signal.SIGSTOP)
    assert stage.becomes(SHUT), "an IOC that answers no more"
    ioc.running.process.send_signal(signal.SIGCONT)
    assert stage.becomes(OPEN), stage.report()
    ioc.running.kill()
    assert stage.becomes(SHUT), stage.report()
    assert "C:AI" == stage.invalid()
    stage.start_ioc(0.0)
    assert stage.becomes(OPEN), stage.report()

    _another_file_follows_other_inputs(stage)


def _another_file_follows_other_inputs(stage: Stage) -> None:
    for name in ("C:AID", "C:SI", "C:AI"):  # a text is no number
        (stage.site.folder / "new").write_text(RULES.replace("C:AI", name))
        (stage.site.folder / "new").rename(stage.site.folder / "site.acf")
        assert until(lambda name=name: f"{name} is followed at" in stage.gateway.err.rpartition("looked for")[2], 20)
        assert stage.becomes(SHUT if name == "C:SI" else OPEN), (name, stage.report())


def test_sighup_reads_the_access_file_again_and_says_so(stage: Stage) -> None:
    stage.gateway.process.send_signal(signal.SIGHUP)
    assert until(lambda: "site.acf was read again" in stage.gateway.err.rpartition("reload: ")[2], 20), stage.report()
