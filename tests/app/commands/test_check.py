"""acgate check: every PV, or every error, without the network."""

import json
from pathlib import Path

import pytest

from gateway.app.cli import main
from gateway.backends.info_cache import InfoCache
from gateway.config.models import json_schema
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.runtime.clock import SystemClock
from simulator.facility import shipped_facility
from simulator.in_process import InProcessBackend

GOOD = """
backends: {{sim: {{url: "sim:"}}, dpm: {{url: "dpm+http://192.0.2.1"}}}}
devices:
  - {{device: "M:OUTTMP", backend: sim}}
  - {{device: "Z:ACLTST", backend: {{read: sim, write: dpm}}, writable: true}}
  - {{device: "Z:OTHER[0:3]", backend: dpm, event: "{event}", properties: reading}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text(GOOD.format(event="p,10"))
    return path


def test_it_prints_name_type_request_and_route_of_every_pv(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(config)]) == 0

    out, err = capsys.readouterr()
    rows = {line.split()[0]: line.split() for line in out.splitlines()}
    assert rows["M:OUTTMP"] == ["M:OUTTMP", "double", "M:OUTTMP.READING@P,1000,TRUE", "sim"]
    assert rows["Z:OTHER"][:2] == ["Z:OTHER", "double[4]"]
    assert rows["Z:ACLTST:SP"][2] == "off"
    assert "read sim; write dpm" in out
    assert "every put is refused: gateway.writes is off" in out
    assert "faster than the 67 ms" in err


def test_the_device_database_is_not_asked_but_its_cache_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock, text = SystemClock(), "a text that is much longer than the forty bytes of .DESC"
    path, config = tmp_path / "cache.json", tmp_path / "c.yaml"
    simulation = InProcessBackend("", shipped_facility(), clock)
    simulation.describe = lambda *_: {"M:OUTTMP": DeviceInfo("M:OUTTMP", text, PropertyInfo(units="furlongs"))}
    InfoCache(simulation, path, clock).describe(["M:OUTTMP"], 1.0)
    config.write_text(
        'backends: {dpm: {url: "dpm+http://192.0.2.1"}}\n'
        f'metadata: {{url: "devdb+grpc://192.0.2.1", cache: "{path}"}}\n'
        'devices: [{device: "M:OUTTMP"}, {device: "Z:ACLTST"}]\n'
    )
    assert main(["check", str(config)]) == 0

    out, err = capsys.readouterr()
    assert "M:OUTTMP:SP" not in out
    assert "Z:ACLTST:SP" in out
    assert "the units 'furlongs' take 8 bytes, EPICS shows 7; the whole is in M:OUTTMP:META:TEXT" in err
    assert ".DESC shows 40" in err
    assert "the device database is not asked here: 1 of 2 devices are known, by its cache" in err


def test_what_the_simulator_in_the_process_knows_counts(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(config), "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    pvs = {pv["name"]: pv for pv in found["pvs"]}
    assert pvs["M:OUTTMP"]["units"] == "degF"
    assert pvs["Z:ACLTST:SP"]["write"] == "Z:ACLTST.SETTING@N"
    assert pvs["M:OUTTMP"]["route"] == {"read": ["sim"], "write": []}
    assert pvs["Z:ACLTST"]["route"] == {"read": ["sim"], "write": ["dpm"]}
    assert len(found["warnings"]) == 2


def test_it_prints_every_error_and_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "backends: {a: {url: 'sim:'}}\ndevices:\n"
        "  - {device: 'M:X', writeable: true}\n  - {device: 'M:X[3:1]'}\n  - {device: 'M:Z', backend: b}\n"
        "  - {include: absent.csv}\n"
    )

    assert main(["check", str(path)]) == 2

    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix(f"{path}:").split(":")[0] for line in lines] == ["3", "4", "5", "6"]


def test_a_duplicate_pv_is_an_error_with_both_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("backends: {a: {url: 'sim:'}}\ndevices:\n  - {device: 'M:X'}\n  - {device: 'm:x'}\n")

    assert main(["check", str(path)]) == 2
    assert f"{path}:4: device: duplicate PV 'M:X', first in {path}:3" in capsys.readouterr().err


def test_the_schema_is_that_of_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()
