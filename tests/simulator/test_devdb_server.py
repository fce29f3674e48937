"""The simulated device database: the records of the facility, as the service tells them (devdb.md 3 and 6)."""

from collections.abc import Iterator
from typing import TypeVar

import grpc
import pytest

from gateway.core.blocks import AlarmBlock
from gateway.core.drf import DataRequest
from gateway.core.errors import BadInput
from gateway.runtime.clock import SystemClock
from gateway.wire import devdb
from gateway.wire.devdb import DeviceRecord, PropertyRecord
from simulator.devdb_records import DevdbRecords
from simulator.devdb_server import DevdbManners, DevdbServer
from simulator.facility import load_facility, shipped_facility
from simulator.faults import Faults
from tests.support import grpc_engine
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
grpc_engine.begin()

PATIENCE = 5.0
T = TypeVar("T")


class Rig:
    """A server on a free port, and calls to it."""

    def __init__(self, manners: DevdbManners | None = None) -> None:
        self.facility, self.faults = shipped_facility(), Faults("devdb")
        self.server = DevdbServer(self.facility, SystemClock(), 0, faults=self.faults, manners=manners)
        self.server.start()
        self.channel = grpc.insecure_channel("{}:{}".format(*self.server.address))

    def call(self, method: str, data: bytes) -> bytes:
        answer: bytes = self.channel.unary_unary(method, None, None)(data, timeout=PATIENCE)
        return answer

    def info(self, *names: str) -> list[devdb.Entry]:
        return devdb.decode_info(self.call(devdb.GET_INFO, devdb.encode_names(names)))

    def alarms(self, *names: str) -> list[devdb.AlarmRecord]:
        return devdb.decode_alarms(self.call(devdb.GET_ALARMS, devdb.encode_names(names)))

    def close(self) -> None:
        self.channel.close()
        assert self.server.stop()


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


def test_devices_come_in_the_order_of_the_request_whatever_the_case_of_their_names(rig: Rig) -> None:
    first, second = rig.info("m:outtmp", "Z:NOTFND")
    assert ("m:outtmp", 27235, "Outdoor temperature") == (first.name, first.device.index, first.device.description)
    assert PropertyRecord("V", "degF", -20.0, 120.0, 10, 2, (0.000305 * 50, 1.0, 0.0)) == first.device.reading
    assert devdb.Entry("Z:NOTFND", DeviceRecord()) == second
    assert [("getDeviceInfo", 2)] == list(rig.server.calls)


def test_bits_and_commands_are_those_of_the_facility_and_order_numbers_are_not_told(rig: Rig) -> None:
    (entry,) = rig.info("E:KICKER")
    assert ["RESET", "ON", "OFF", "CHARGE", "DUMP"] == [one.short_name for one in entry.device.commands]
    assert ("CHARGED", 0x100, "charged", "empty") == (
        (bit := entry.device.bits[2]).short_name, bit.mask, bit.true_text, bit.false_text
    )  # fmt: skip
    (alone,) = rig.info("G:NODATA")
    assert DeviceRecord(8001, "A name in the database and nothing else") == alone.device


@pytest.mark.parametrize("name", ["Z:ACLTST", "M:OUTTMP", "G:LCWFLO", "N:LGXS", "Z:ACLTS1", "I:BEAM"])
def test_the_transforms_make_of_raw_values_what_dpm_says(name: str) -> None:
    facility = shipped_facility()
    record = DevdbRecords(facility).device(name).reading
    step = {0: 1 / 3200, 10: 1.0, 16: 1.0, 20: 1.0}[record.p_index]
    slope, offset = (record.coefficients[0], record.coefficients[2]) if record.c_index else (1.0, 0.0)
    scale = facility.spec(name).scale
    for raw in (0, 1, 37, 100):
        assert raw * scale.step * scale.slope + scale.offset == pytest.approx(raw * step * slope + offset)


def test_alarm_blocks_are_those_of_the_front_end_and_lead_to_their_texts(rig: Rig) -> None:
    analog, digital = rig.alarms("N:H801")
    raw, _ = rig.facility.read(DataRequest.parse("N:H801.DIGITAL.RAW@I"), 0)
    assert isinstance(raw, bytes)
    assert AlarmBlock.decode(raw).digital_values() == (digital.first, digital.second) == (7, 7)
    assert (devdb.ANALOG, devdb.DIGITAL) == (analog.property_index, digital.property_index)
    texts = devdb.decode_texts(rig.call(devdb.GET_TEXTS, devdb.encode_text_ids([analog.text_id, 99999])))
    assert {analog.text_id: "H801 CURRENT"} == texts
    assert [] == rig.alarms("G:AMANDA", "Z:NOTFND")


def test_an_edited_record_is_told_from_then_on(rig: Rig) -> None:
    rig.server.records.edit("M:OUTTMP", description="new")
    rig.server.records.edit("M:OUTTMP", reading=None)
    (entry,) = rig.info("M:OUTTMP")
    assert ("new", None) == (entry.device.description, entry.device.reading)


def test_other_servers_answer_unknown_names_by_a_text_and_in_another_order() -> None:
    rig = Rig(DevdbManners(errors=True, backwards=True))
    try:
        first, second = rig.info("Z:NOTFND", "M:OUTTMP")
        assert ("M:OUTTMP", "device Z:NOTFND not found") == (first.name, second.error)
        assert [devdb.DIGITAL, devdb.ANALOG] == [one.property_index for one in rig.alarms("N:H801")]
    finally:
        rig.close()


def test_a_message_that_is_none_is_refused_with_a_text(rig: Rig) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        rig.call(devdb.GET_INFO, b"\x0a\xff")
    assert (grpc.StatusCode.INTERNAL, True) == (caught.value.code(), "DeviceList" in caught.value.details())
    with pytest.raises(grpc.RpcError) as caught:
        rig.call(f"/{devdb.SERVICE}/getPlotConfiguration", b"")
    assert grpc.StatusCode.UNIMPLEMENTED == caught.value.code()


def test_the_faults_of_other_services_are_those_of_this_one(rig: Rig) -> None:
    rig.faults.command("devdb", "reset")
    with pytest.raises(grpc.RpcError) as caught:
        rig.info("M:OUTTMP")
    assert grpc.StatusCode.UNAVAILABLE == caught.value.code()


def test_a_taken_port_is_one_sentence_and_a_device_without_scaling_says_so(rig: Rig) -> None:
    other = DevdbServer(rig.facility, SystemClock(), rig.server.address[1])
    with pytest.raises(BadInput, match="the simulated device database cannot listen on"):
        other.start()
    assert 90 == DevdbRecords(rig.facility).device("Z:NOSCAL").reading.c_index


def test_a_scale_with_an_offset_stands_in_the_common_transform() -> None:
    text = 'devices:\n  - {name: "X:A", index: 1, units: C, scale: {raw: uint16, step: 0.5, slope: 2, offset: -3}}\n'
    record = DevdbRecords(load_facility(text, "f")).device("X:A")
    assert (20, 2, (1.0, 1.0, -3.0)) == (
        record.reading.p_index, record.reading.c_index, record.reading.coefficients
    )  # fmt: skip
