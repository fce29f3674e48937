"""DevdbSource against the simulated device database: batches, faults, nonsense, restarts (P-15)."""

import logging
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.backends.devdb_grpc import DevdbSource
from gateway.core.device_info import Command
from gateway.core.ports import DeviceInfoSource
from gateway.runtime.clock import SystemClock
from gateway.wire.devdb import BitRecord, CommandRecord, PropertyRecord
from simulator.devdb_server import DevdbManners, DevdbServer
from simulator.facility import Facility, shipped_facility
from simulator.faults import Faults
from tests.support import grpc_engine
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
grpc_engine.begin()

PATIENCE = 20.0
NAMES = ("M:OUTTMP", "Z:ACLTST", "N:H801", "Z:NOTFND")


class Rig:
    """A database and a source that asks it."""

    def __init__(self, facility: Facility | None = None, manners: DevdbManners | None = None, at_once: int = 2000):
        self.facility, self.manners, self.faults = facility or shipped_facility(), manners, Faults("devdb")
        self.server = self.serve(0)
        self.source = DevdbSource(*self.server.address, clock=SystemClock(), at_once=at_once)

    def serve(self, port: int) -> DevdbServer:
        server = DevdbServer(self.facility, SystemClock(), port, faults=self.faults, manners=self.manners)
        server.start()
        return server

    def restart(self) -> None:
        port = self.server.address[1]
        assert self.server.stop()
        self.server = self.serve(port)

    def close(self) -> None:
        self.source.close()
        self.source.close()
        assert self.server.stop()


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


def test_it_is_a_source_of_device_infos_and_says_what_the_facility_says(rig: Rig) -> None:
    assert isinstance(rig.source, DeviceInfoSource)
    found = rig.source.describe(NAMES, PATIENCE)
    assert set(NAMES) == set(found)
    for name in NAMES[:3]:
        wanted = rig.facility.info(name)
        assert wanted is not None
        bits = [replace(bit, description="") for bit in found[name].bits]
        assert (wanted.description, list(wanted.bits)) == (found[name].description, bits)
        assert (wanted.reading.units, wanted.reading.low) == (found[name].reading.units, found[name].reading.low)
        assert (wanted.analog, wanted.digital) == (found[name].analog, found[name].digital)
        assert [command.name for command in wanted.commands] == [command.name for command in found[name].commands]
    assert found["Z:NOTFND"].reading is not None
    assert "" == rig.source.last_error


def test_ten_thousand_devices_are_asked_for_in_ten_calls() -> None:
    facility = shipped_facility()
    facility.synthetic(10_000)
    rig = Rig(facility)
    try:
        found = rig.source.describe([f"S:D{place:05d}" for place in range(10_000)], 60.0)
        assert 10_000 == len(found)
        assert "cnt" == found["S:D09999"].reading.units
        assert [("getDeviceInfo", 2000), ("getAllAlarmInfo", 2000)] * 5 == list(rig.server.calls)
    finally:
        rig.close()


def test_a_message_larger_than_4_mib_is_taken(rig: Rig) -> None:
    text = "x" * 5_000_000
    rig.server.records.edit("M:OUTTMP", description=text)
    assert text == rig.source.describe(NAMES, PATIENCE)["M:OUTTMP"].description


def test_a_message_larger_than_we_take_costs_its_device_and_no_other(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.server.records.edit("M:OUTTMP", description="x" * (65 << 20))
    found = rig.source.describe(NAMES, PATIENCE)
    assert set(NAMES) - {"M:OUTTMP"} == set(found)
    assert [True] == [record.getMessage().startswith("M:OUTTMP: the device") for record in caplog.records[:1]]


def test_who_is_away_is_named_and_nothing_is_said_of_any_device(rig: Rig) -> None:
    assert rig.server.stop()
    assert {} == rig.source.describe(NAMES, 1.0)
    assert "the device database 127.0.0.1:" in rig.source.last_error
    assert "UNAVAILABLE" in rig.source.last_error


@pytest.mark.parametrize("fault", ["silent", "hang", "reset", "garbage"])
def test_a_call_ends_in_time_whatever_the_service_does_and_works_again_afterwards(rig: Rig, fault: str) -> None:
    rig.faults.command("devdb", fault)
    assert {} == rig.source.describe(NAMES, 1.0)
    assert rig.source.last_error
    rig.faults.command("devdb", "none")
    assert described_at_last(rig) == set(NAMES)


def test_a_server_that_is_restarted_twenty_times_is_found_again_each_time(rig: Rig) -> None:
    for _ in range(20):
        rig.restart()
        assert described_at_last(rig) == set(NAMES)


def described_at_last(rig: Rig) -> set[str]:
    clock = SystemClock()
    until = clock.monotonic() + PATIENCE
    while not (found := rig.source.describe(NAMES, 2.0)) and clock.monotonic() < until:
        pass
    return set(found)


def test_other_orders_and_error_texts_are_understood(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(manners=DevdbManners(errors=True, backwards=True))
    try:
        found = rig.source.describe(NAMES, PATIENCE)
        assert {"M:OUTTMP", "Z:ACLTST", "N:H801"} == set(found)
        assert "Outdoor temperature" == found["M:OUTTMP"].description
        assert "Z:NOTFND: the device database says: device Z:NOTFND not found" in caplog.text
    finally:
        rig.close()


def test_names_that_somebody_searched_for_are_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    for errors in (True, False):
        rig = Rig(manners=DevdbManners(errors=errors))
        try:
            found = rig.source.look_up(["M:OUTTMP", *(f"Q:X{number}" for number in range(1000))], PATIENCE)
            assert [name for name, info in found.items() if info.exists] == ["M:OUTTMP"]
            assert not caplog.records
        finally:
            rig.close()


def test_nonsense_is_one_line_for_each_and_spoils_no_other_device(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    records = rig.server.records
    records.edit("M:OUTTMP", reading=PropertyRecord("V", "  ", 120.0, -20.0))
    records.edit(
        "Z:ACLTST",
        reading=PropertyRecord(None, "°C·m²/kg", math.nan, 5.0),
        bits=(BitRecord(6, 2, True, "état", "", "geöffnet", "Ω"),),
        commands=tuple(CommandRecord(n, f"COMMAND NUMBER {n} WITH A LONG NAME") for n in range(20)),
    )
    for _ in range(2):
        found = rig.source.describe(NAMES, PATIENCE)
    assert [
        "M:OUTTMP: the limits of READING are reversed, 120 and -20; they are taken the other way round",
        "M:OUTTMP: the units of READING are blank; it is shown without units",
        "Z:ACLTST: the limits of READING are nan and 5; it is shown without limits",
        "Z:NOTFND: the device database does not know it",
    ] == [record.getMessage() for record in caplog.records]
    assert (-20.0, 120.0) == (found["M:OUTTMP"].reading.low, found["M:OUTTMP"].reading.high)
    assert ("ÉTAT", "geöffnet", "Ω") == (
        (bit := found["Z:ACLTST"].bits[0]).name, bit.true_text, bit.false_text
    )  # fmt: skip
    assert Command(None, "COMMAND NUMBER 19 WITH A LONG NAME") == found["Z:ACLTST"].commands[19]
    assert "MI horizontal corrector 801" == found["N:H801"].description


def test_foreign_names_and_indexes_are_not_asked_for_and_time_is_bounded(rig: Rig) -> None:
    assert {} == rig.source.describe(["0:27235", "ISIS:FOREIGN:NAME", "not a name"], PATIENCE)
    assert [] == list(rig.server.calls)
    assert {} == rig.source.describe(NAMES, 0.0)
    assert "in time" in rig.source.last_error


def test_a_closed_source_describes_nothing(rig: Rig) -> None:
    rig.source.close()
    assert {} == rig.source.describe(NAMES, PATIENCE)
    assert "closed" in rig.source.last_error
