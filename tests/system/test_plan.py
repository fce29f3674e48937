"""`acgate plan` says what the next SIGHUP does: the same counts, the same names, the same clients."""

import json
import signal
from collections.abc import Iterator

import pytest

from gateway.app.commands import plan as command
from tests.support.ca_client import CaClient
from tests.support.processes import Running, Site, until

HEAD = "gateway: {{name: GW1, interfaces: [127.0.0.1]{more}}}\nbackends: {{sim: {{url: 'sim:'}}}}\ndevices:\n"
STAYS = '  - {device: "M:OUTTMP", properties: reading}\n'
GOES = '  - {device: "G:AMANDA", properties: reading}\n'
CHANGES = '  - {device: "Z:ACLTST", properties: "reading, setting"}\n'
CHANGED = '  - {device: "Z:ACLTST", properties: "reading, setting", event: "p,500", writable: true, step: 3}\n'
TOLD = '  - {device: "M:OUTTMP", properties: reading, units: K}\n'
COMES = '  - {device: "N:LGXS", properties: reading}\n'


class Stage:
    """A gateway whose writes are off, and its configuration."""

    def __init__(self, site: Site) -> None:
        self.site, self.path = site, site.folder / "gateway.yaml"
        self.write(STAYS + GOES + CHANGES)
        self.gateway = site.acgate("run", str(self.path), ready=True)

    def write(self, devices: str, more: str = "") -> None:
        self.path.write_text(HEAD.format(more=more) + devices)

    def plan(self, *options: str) -> Running:
        found = self.site.acgate("plan", str(self.path), *options)
        found.wait(60)
        return found

    def foreseen(self) -> dict:
        found = self.plan("--json")
        assert 0 == found.process.returncode, found.report()
        return json.loads(found.out)

    def said(self) -> str:
        with CaClient(self.site.ca_port) as client:
            signs = client.get(client.create("GW1:RELOAD:RESULT"))
            return bytes(signs if isinstance(signs, list) else [signs]).partition(b"\0")[0].decode("latin-1")

    def reload(self, before: str) -> str:
        self.gateway.process.send_signal(signal.SIGHUP)
        assert until(lambda: self.said() != before, 30), self.gateway.report()
        return self.said()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Site(tmp_path_factory.mktemp("plan")) as site:
        made = Stage(site)
        yield made
        made.gateway.end()


def connected(stage: Stage, *names: str) -> Running:
    """A client of libca with channels of these PVs."""
    client = stage.site.client("rights_pyepics", *names, stdin=True)
    assert until(lambda: {"connected": 1} in client.lines(), 20), client.report()
    return client


def lost(client: Running) -> bool:
    return {"connected": 0} in client.lines()


def test_the_plan_is_what_the_reload_does(stage: Stage) -> None:
    stays, goes = connected(stage, "M:OUTTMP"), connected(stage, "G:AMANDA")
    changes, also = connected(stage, "Z:ACLTST:SP"), connected(stage, "Z:ACLTST")
    stage.write(TOLD + COMES + CHANGED, ", buffer: 7")
    text = stage.plan().out.splitlines()
    assert text == [
        f"a reload of GW1 reads {stage.path} again and would",
        "  add 1 device",
        "    N:LGXS",
        "  remove 1 device",
        "    G:AMANDA",
        "  change 1 device",
        "    Z:ACLTST: event P,1000,TRUE -> p,500; writable off -> on; step none -> 3",
        "  describe anew 1 device",
        "    M:OUTTMP: reading.units degF -> K",
        "3 clients lose channels; whoever has only other devices notices nothing",
        "only a restart changes gateway.buffer",
    ]
    foreseen = stage.foreseen()
    names = {kind: foreseen[kind] for kind in ("added", "removed")}
    assert ({"added": ["N:LGXS"], "removed": ["G:AMANDA"]}, 3) == (names, foreseen["clients"])
    assert not any(map(lost, (stays, goes, changes, also))), "a plan changes nothing"
    counts = ", ".join(f"{foreseen['counts'][kind]} {kind}" for kind in ("added", "removed", "changed"))
    said = f"OK: {counts}, 1 described anew; {foreseen['clients']} clients lost channels; only a restart changes"
    assert f"{said} {foreseen['restart'][0]}" == stage.reload("")
    assert until(lambda: lost(goes) and lost(changes) and lost(also), 20)
    assert not lost(stays)
    served = {name: planned(stage, name) for name in ("N:LGXS", "G:AMANDA", "Z:ACLTST", "M:OUTTMP")}
    assert {"N:LGXS": True, "G:AMANDA": False, "Z:ACLTST": True, "M:OUTTMP": True} == served
    again = stage.foreseen()
    assert (["gateway.buffer"], 0, 0) == (again["restart"], again["clients"], sum(again["counts"].values()))


def planned(stage: Stage, name: str) -> bool:
    with CaClient(stage.site.ca_port) as client:
        try:
            client.create(name)
        except LookupError:
            return False
        return True


def test_what_is_wrong_is_said_as_check_says_it_and_nothing_is_touched(stage: Stage) -> None:
    before = stage.said()
    stage.write(STAYS + '  - {device: "M:OUTTMP"}\n')
    check = stage.site.acgate("check", str(stage.path))
    assert 2 == check.wait(60)
    found = stage.plan()
    assert (2, check.err, "") == (found.process.returncode, found.err, found.out)
    stage.write(STAYS + '  - {devise: "M:OUTTMP"}\n')
    assert 2 == stage.site.acgate("check", str(stage.path)).wait(60)
    found = stage.plan()
    assert 2 == found.process.returncode
    assert "gateway.yaml:5: devise: unknown key; did you mean 'device'?" in found.err
    assert before == stage.said()


def test_another_file_and_another_gateway_are_told_of(stage: Stage) -> None:
    stage.write(STAYS)
    other = stage.path.with_name("other.yaml")
    other.write_text(stage.path.read_text() + COMES)
    found = stage.site.acgate("plan", str(other))
    assert 2 == found.wait(60)
    assert f"{other}: GW1 would read {stage.path} again, which says something else; name that\n" == found.err
    found = stage.plan("--gateway", "GW9")
    assert 1 == found.process.returncode
    assert "no gateway GW9 answers within 5 s where EPICS_CA_ADDR_LIST and its like say" in found.err
    assert "Traceback" not in found.err


def test_many_names_are_cut_in_a_line() -> None:
    groups = [{"devices": [f"M:D{n:02}" for n in range(20)], "why": ["writable off -> on"]}]
    found = {
        "counts": {"added": 0, "removed": 0, "changed": 20, "described": 0}, "changed": groups,
        "clients": 1, "restart": [],
    }  # fmt: skip
    lines = list(command._lines("GW1", "gateway.yaml", found))
    assert lines[2].endswith("M:D11 and 8 more: writable off -> on")
    assert "1 client loses channels; whoever has only other devices notices nothing" == lines[3]
