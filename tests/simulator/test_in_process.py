import math
import threading
import time
from functools import partial

import numpy as np
import pytest

from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.drf import DataRequest
from gateway.core.errors import Closed
from gateway.core.ports import LinkState
from gateway.core.status import NOPROP, OK, UTIME
from gateway.core.values import Outcome, Setting
from gateway.runtime.clock import SystemClock
from gateway.runtime.worker import StopToken, Worker
from simulator.facility import shipped_facility
from simulator.in_process import InProcessBackend
from tests.support.clock import ManualClock
from tests.support.leaks import check_leaks


def backend(clock: object = None) -> InProcessBackend:
    facility = shipped_facility()
    facility.synthetic(1000, 10)
    return InProcessBackend("sim", facility, clock or SystemClock())  # type: ignore[arg-type]


def requests(*texts: str) -> list[DataRequest]:
    return [DataRequest.parse(text) for text in texts]


def test_every_request_is_read_in_order_good_or_bad():
    of = backend()
    readings = of.read(requests("Z:ACLTST", "Z:NOTFND", "B:IRMS06[0:3]", "Z:SILENT"), 1.0)
    assert [10.0, None, None] == [reading.value for reading in (readings[0], readings[1], readings[3])]
    assert [OK, NOPROP, OK, UTIME] == [reading.status for reading in readings]
    assert 4 == len(readings[2].value)
    assert all(abs(reading.stamp_ns - time.time_ns()) < 5e9 for reading in readings)


def test_settings_are_accepted_or_refused_one_by_one():
    of = backend()
    wishes = [
        Setting(r.for_writing(), value) for r, value in zip(requests("Z:ACLTST", "Z:LOCKED"), (2.0, 3.0), strict=True)
    ]
    results = of.write(wishes, 1.0)
    assert [Outcome.ACCEPTED, Outcome.REFUSED] == [result.outcome for result in results]
    assert 2.0 == of.read(requests("Z_ACLTST"), 1.0)[0].value


def test_a_watch_brings_bad_requests_once_and_numbers_as_columns():
    clock = ManualClock()
    of = backend(clock)
    stream = of.watch(requests("Z:ACLTST@p,100", "Z:NOTFND@p,100", "S:D00001@p,100", "G:MODE@p,100"))
    batch = stream.get(0.0)
    assert {0, 2} == set(batch.slot.tolist())
    assert [(1, NOPROP), (3, OK)] == [(item.slot, item.reading.status) for item in batch.others]
    assert 0 == len(stream.get(0.0))
    clock.advance(0.25)
    batch = stream.get(0.0)
    assert 4 == len(batch.slot)
    assert [2, 4] == [item.after for item in batch.others]
    assert 100_000_000 == batch.stamp_ns[2] - batch.stamp_ns[0]
    assert np.int32 == batch.slot.dtype
    stream.close()
    of.close()


def test_only_bad_requests_are_told_and_then_nothing_comes():
    of = backend(ManualClock())
    stream = of.watch(requests("Z:NOTFND"))
    assert [NOPROP] == [item.reading.status for item in stream.get(0.0).others]
    assert 0 == len(stream.get(0.0))


def test_who_asks_too_late_is_told_how_much_was_lost():
    clock = ManualClock()
    stream = backend(clock).watch(requests("Z:ACLTST@p,100"))
    stream.get(0.0)
    clock.advance(100.0)
    taken = len(stream.get(0.0))
    assert 1000 == taken + stream.dropped
    assert taken < 20


def test_a_getter_waits_for_the_next_sample():
    of = backend()
    stream = of.watch(requests("Z:ACLTST@p,200"))
    first = stream.get(1.0)
    second = stream.get(1.0)
    assert math.isclose(200_000_000, second.stamp_ns[0] - first.stamp_ns[0])
    assert 0 == len(stream.get(0.0))
    of.close()


def test_closing_frees_a_waiting_getter():
    of, seen = backend(), threading.Event()

    def wait(stream: object, _: StopToken) -> None:
        try:
            stream.get(60.0)  # type: ignore[attr-defined]
        except Closed:
            seen.set()

    with check_leaks():
        worker = Worker("getter", partial(wait, of.watch(requests("Z:ACLTST@N"))))
        worker.start()
        of.close()
        of.close()
        assert seen.wait(2.0)
        assert worker.stop(2.0)


def test_a_closed_backend_does_nothing_more():
    of = backend()
    of.close()
    for call in (
        partial(of.read, [], 1.0),
        partial(of.write, [], 1.0),
        partial(of.watch, []),
        partial(of.describe, [], 1.0),
    ):
        with pytest.raises(Closed):
            call()
    assert LinkState.DISCONNECTED is of.health().state


def test_it_describes_devices_and_one_that_does_not_exist_has_a_reading_alone():
    found = backend().describe(["Z:ACLTST", "Z:NOTFND"], 1.0)
    assert "Amps" == found["Z:ACLTST"].reading.units
    assert DeviceInfo("Z:NOTFND", reading=PropertyInfo(), exists=False) == found["Z:NOTFND"]


def test_its_health_counts_what_is_watched():
    of = backend()
    assert ("sim", True) == (of.name, of.capabilities.write)
    first, _ = of.watch(requests("Z:ACLTST@N", "Z:ACLTS1@N")), of.watch(requests("G:AMANDA@N"))
    assert (LinkState.UP, 3) == (of.health().state, of.health().requests)
    first.close()
    assert 1 == of.health().requests
    of.watch([])
    assert 1 == of.health().requests
    of.close()


def test_a_status_word_of_four_bytes_is_an_unsigned_number():
    of = backend(ManualClock())
    assert 0x8000001F == of.read(requests("N|LGXS.BIT_VALUE"), 1.0)[0].value
    batch = of.watch(requests("Z:ACLTST@I", "N|LGXS.BIT_VALUE@I")).get(0.0)
    assert {10.0, float(0x8000001F)} == set(batch.value.tolist())
