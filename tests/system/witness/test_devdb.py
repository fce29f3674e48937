"""A third party's client of the device database, unmodified, hears from the simulated one what the facility says."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.runtime.clock import SystemClock
from simulator.facility import shipped_facility
from simulator.services import Services
from tests.system.witness.witness import installed

SCRIPT = Path(__file__).with_name("foreign_devdb.py")
FACILITY = shipped_facility()
NAMES = [name for name in FACILITY.devices if FACILITY.info(name)]


@pytest.fixture(scope="module")
def heard() -> Iterator[dict[str, Any]]:
    """What pacsys hears of every shipped device."""
    services = Services(shipped_facility(), SystemClock(), {"devdb": 0})
    services.start()
    try:
        port = services.addresses["devdb"].rpartition(":")[2]
        command = [str(installed()), str(SCRIPT), port, *NAMES]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout)
    finally:
        assert services.stop()


def test_every_device_is_described_as_the_facility_has_it(heard: dict[str, Any]) -> None:
    assert set(NAMES) == set(heard["devices"])
    for name, said in heard["devices"].items():
        info, spec = FACILITY.info(name), FACILITY.spec(name)
        assert info is not None
        assert spec is not None
        assert (spec.index, info.description) == (said["device_index"], said["description"])
        for wanted, came in ((info.reading, said["reading"]), (info.setting, said["setting"])):
            assert (wanted is None) == (came is None)
            if wanted is not None and wanted.units:
                assert wanted.units == came["common_units"]
                assert wanted.low != wanted.low or (wanted.low, wanted.high) == (came["min_val"], came["max_val"])
        labels = [(bit.mask, bit.match, bit.invert, bit.true_text, bit.false_text) for bit in info.bits]
        keys = ("mask", "match", "invert", "true_str", "false_str")
        assert labels == [tuple(bit[key] for key in keys) for bit in said["status_bits"] or ()]
        commands = sorted(command.name for command in info.commands)
        assert commands == sorted(command["short_name"] for command in said["control"] or ())


def test_alarm_blocks_and_their_texts_are_found(heard: dict[str, Any]) -> None:
    kinds = {(alarm["device_name"], alarm["alarm_block"]["pi"]) for alarm in heard["alarms"]}
    infos = {name: FACILITY.info(name) for name in NAMES}
    wanted = {(name, 1) for name, info in infos.items() if info and info.analog}
    assert wanted | {(name, 5) for name, info in infos.items() if info and info.digital} == kinds
    assert "OUTDOOR TEMPERATURE" in {text["text"] for text in heard["texts"]}
    assert 99999 not in {text["alarm_text_id"] for text in heard["texts"]}


def test_an_unknown_device_is_an_error_there(heard: dict[str, Any]) -> None:
    assert "Z:NOTFND" in heard["error"]
    assert "DeviceError" in heard["error"]
