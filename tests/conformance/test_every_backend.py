"""What devices, IOCs and history may rely on, of every backend (the port Backend)."""

import threading
import time

import numpy as np
import pytest

from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.drf import DataRequest
from gateway.core.errors import Closed
from gateway.core.ports import LinkState, Subscription
from gateway.core.status import INVLEN, NOPROP, PRIV, SCALEFAIL
from gateway.core.values import Outcome, Setting, SettingResult, SettingValue, Value
from gateway.runtime.worker import StopToken, Worker
from tests.conformance.conftest import Side, scheme_of

TIMEOUT = 5.0


def parse(*texts: str) -> list[DataRequest]:
    return [DataRequest.parse(text) for text in texts]


def value_of(side: Side, text: str) -> Value:
    (reading,) = side.backend.read(parse(text), TIMEOUT)
    assert reading.status.good, reading
    assert reading.value is not None
    return reading.value


def write(side: Side, *wishes: tuple[str, SettingValue]) -> list[SettingResult]:
    settings = [Setting(DataRequest.parse(text).for_writing(), value) for text, value in wishes]
    results = side.backend.write(settings, 8.0)
    assert [result.setting for result in results] == settings
    return results


def take(stream: Subscription, seconds: float) -> list[tuple[int, int, object]]:
    """What comes in so many seconds: slot, stamp and value, in order."""
    found: list[tuple[int, int, object]] = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        batch = stream.get(left)
        others = list(batch.others)
        for row in range(len(batch.slot) + 1):
            while others and others[0].after == row:
                other = others.pop(0)
                found.append((other.slot, other.reading.stamp_ns, other.reading.value))
            if row < len(batch.slot):
                found.append((int(batch.slot[row]), int(batch.stamp_ns[row]), float(batch.value[row])))
    return found


def test_a_read_gives_one_item_per_item_in_order_and_a_bad_one_spoils_none(side: Side) -> None:
    requests = parse("M:OUTTMP", "Z:NOTFND", "G_AMANDA", "M:OUTTMP@p,1000", "G:NODATA")
    readings = side.backend.read(requests, TIMEOUT)
    assert [reading.request for reading in readings] == requests
    assert [reading.value is not None for reading in readings] == [True, False, True, True, False]
    assert [reading.status.failed for reading in readings] == [False, True, False, False, True]
    assert readings[1].status == side.unknown


def test_a_read_is_stamped_with_the_time_of_the_source(side: Side) -> None:
    before = time.time_ns()
    (reading,) = side.backend.read(parse("M:OUTTMP"), TIMEOUT)
    assert before - 1_500_000_000 <= reading.stamp_ns <= time.time_ns() + 1_000_000


def test_reading_nothing_is_nothing(side: Side) -> None:
    assert side.backend.read([], TIMEOUT) == []
    assert side.backend.write([], TIMEOUT) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("M:OUTTMP", float),
        ("M:OUTTMP.PRIMARY", float),
        ("Z_ACLTST", float),
        ("N|LGXS.ON", float),
        ("N@H801.MIN", float),
        ("M:OUTTMP.RAW", bytes),
        ("N|LGXS.RAW", bytes),
        ("G:MODE", str),
        ("M~OUTTMP", str),
        ("G:NOTES[0:3]", tuple),
        ("N|LGXS", BasicStatus),
        ("N@H801", AnalogAlarm),
        ("N$H801", DigitalAlarm),
    ],
)
def test_every_kind_of_value_arrives_as_its_type(side: Side, text: str, kind: type) -> None:
    if kind is tuple and not side.text_arrays:
        kind = str
    assert isinstance(value_of(side, text), kind)


def test_an_array_has_the_elements_of_its_range(side: Side) -> None:
    whole = value_of(side, "D:GAINS[0:7]")
    part = value_of(side, "D:GAINS[2:5]")
    assert isinstance(whole, np.ndarray)
    assert isinstance(part, np.ndarray)
    assert whole.dtype == np.float64
    assert (whole.tolist(), part.tolist()) == ([0, 1, 2, 3, 4, 5, 6, 7], [2, 3, 4, 5])
    assert value_of(side, "D:GAINS") == 0.0


def test_a_status_word_is_an_unsigned_number(side: Side) -> None:
    assert value_of(side, "N|LGXS.BIT_VALUE") == float(0x8000001F)


def test_attributes_that_a_device_lacks_are_left_out_of_its_status(side: Side) -> None:
    assert value_of(side, "I|H801") == BasicStatus(True, True, True, None, None)


def test_what_was_written_is_read(writing: Side) -> None:
    (result,) = write(writing, ("Z:ACLTST", 12.5))
    assert (result.outcome, result.status.good) == (Outcome.ACCEPTED, True)
    assert value_of(writing, "Z_ACLTST") == pytest.approx(12.5, abs=0.01)


def test_arrays_texts_commands_and_raw_bytes_are_written(writing: Side) -> None:
    results = write(
        writing, ("D:GAINS[1:3]", np.array([9.0, 8.0, 7.0])), ("G:MODE", "Studies"), ("I|H801", 1.0), ("I|H803", "OFF")
    )
    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 4
    gains = value_of(writing, "D_GAINS[0:4]")
    assert isinstance(gains, np.ndarray)
    assert gains.tolist() == [0.0, 9.0, 8.0, 7.0, 4.0]
    assert value_of(writing, "G_MODE") == "Studies"
    raw = value_of(writing, "Z_ACLTST.RAW")
    assert isinstance(raw, bytes)
    assert [result.outcome for result in write(writing, ("Z:ACLTST.RAW", raw))] == [Outcome.ACCEPTED]


def test_a_refused_setting_says_why_and_spoils_none(writing: Side) -> None:
    results = write(writing, ("Z:REFUSE", 2.0), ("Z:ACLTST", 3.0), ("Z:LOCKED", 2.0), ("Z:NOTFND", 1.0))
    assert [result.outcome for result in results] == [
        Outcome.REFUSED, Outcome.ACCEPTED, Outcome.REFUSED, Outcome.REFUSED,
    ]  # fmt: skip
    assert [result.status for result in results if result.status.failed] == [SCALEFAIL, PRIV, NOPROP]


@pytest.mark.parametrize("value", [np.zeros(2), np.zeros(4), 1.0])
def test_an_array_of_the_wrong_length_is_refused_and_nothing_is_set(writing: Side, value: SettingValue) -> None:
    before = value_of(writing, "D_GAINS[0:7]")
    (result,) = write(writing, ("D:GAINS[1:3]", value))
    assert (result.outcome, result.status) == (Outcome.REFUSED, INVLEN)
    assert np.array_equal(before, value_of(writing, "D_GAINS[0:7]"))


def test_settings_of_one_device_are_applied_in_their_order(writing: Side) -> None:
    results = write(writing, ("Z:ACLTST", 1.0), ("Z:ACLTST", 2.0), ("Z:ACLTST", 3.0))
    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 3
    applied = [setting.value for setting in writing.facility.settings()]
    assert [float(np.asarray(value).ravel()[0]) for value in applied] == [1.0, 2.0, 3.0]


def test_a_watch_brings_each_request_at_its_own_rate(side: Side) -> None:
    stream = side.backend.watch(parse("M:OUTTMP@p,100", "G:AMANDA@p,250", "N|LGXS@p,500"))
    found = take(stream, 2.2)
    counts = [sum(1 for slot, _, _ in found if slot == wanted) for wanted in range(3)]
    assert 18 <= counts[0] <= 24
    assert 7 <= counts[1] <= 11
    assert 4 <= counts[2] <= 6
    assert stream.dropped == 0


def test_the_stamps_of_a_watch_are_those_of_the_source_and_grow(side: Side) -> None:
    stream = side.backend.watch(parse("M:OUTTMP@p,100"))
    before = time.time_ns()
    stamps = [stamp for _, stamp, _ in take(stream, 1.5)][1:]
    assert stamps == sorted(set(stamps))
    assert before - 200_000_000 <= stamps[0]
    assert stamps[-1] <= time.time_ns()
    assert np.diff(stamps).mean() == pytest.approx(100_000_000, rel=0.1)


def test_an_unknown_device_among_good_ones_is_an_item_without_a_value(side: Side) -> None:
    stream = side.backend.watch(parse("M:OUTTMP@p,200", "Z:NOTFND@p,200", "G:AMANDA@p,200"))
    found = take(stream, 1.0)
    assert {slot for slot, _, value in found if value is not None} == {0, 2}
    assert {slot for slot, _, value in found if value is None} == {1}


def test_equal_requests_in_one_watch_each_get_their_values(side: Side) -> None:
    stream = side.backend.watch(parse("m:outtmp@p,200", "M:OUTTMP.READING@P,200,TRUE"))
    found = take(stream, 1.0)
    first = [(stamp, value) for slot, stamp, value in found if slot == 0]
    assert first == [(stamp, value) for slot, stamp, value in found if slot == 1]
    assert len(first) >= 4


def test_two_watches_of_the_same_request_are_told_both(side: Side) -> None:
    first, second = (side.backend.watch(parse("M:OUTTMP@p,200")) for _ in range(2))
    assert len(take(first, 0.7)) >= 2
    assert len(take(second, 0.7)) >= 2
    first.close()
    take(second, 0.1)
    assert len(take(second, 0.7)) >= 2


def test_an_immediate_request_is_answered_once(side: Side) -> None:
    assert len(take(side.backend.watch(parse("M:OUTTMP@i")), 1.0)) == 1


def test_arrays_are_watched_whole(side: Side) -> None:
    found = take(side.backend.watch(parse("D:GAINS[0:7]@p,200")), 0.7)
    assert len(found) >= 2
    assert all(isinstance(value, np.ndarray) and len(value) == 8 for _, _, value in found)


def test_a_setting_shows_in_the_watch_of_its_setting(writing: Side) -> None:
    stream = writing.backend.watch(parse("Z_ACLTST@p,100"))
    take(stream, 0.3)
    write(writing, ("Z:ACLTST", -7.5))
    values = [value for _, _, value in take(stream, 0.6)]
    assert values[-1] == pytest.approx(-7.5, abs=0.01)


def test_get_is_bounded(side: Side) -> None:
    stream = side.backend.watch(parse("M:OUTTMP@n"))
    begin = time.monotonic()
    assert len(stream.get(0.2)) == 0
    assert 0.15 <= time.monotonic() - begin < 1.0
    assert len(stream.get(0)) == 0


@pytest.mark.parametrize("whole", [False, True])
def test_close_frees_a_getter_that_waits(side: Side, whole: bool) -> None:
    stream = side.backend.watch(parse("M:OUTTMP@n"))
    waits, freed = threading.Event(), threading.Event()

    def getter(_: StopToken) -> None:
        waits.set()
        try:
            stream.get(30.0)
        except Closed:
            freed.set()

    worker = Worker("getter", getter)
    worker.start()
    assert waits.wait(2.0)
    (side.backend if whole else stream).close()
    assert freed.wait(2.0)
    assert worker.stop(2.0)


def test_what_is_closed_stays_closed_and_may_be_closed_again(side: Side) -> None:
    stream = side.backend.watch(parse("M:OUTTMP@p,200"))
    stream.close()
    stream.close()
    with pytest.raises(Closed):
        stream.get(0)
    side.backend.close()
    side.backend.close()
    with pytest.raises(Closed):
        side.backend.watch(parse("M:OUTTMP@p,200"))


def test_health_tells_what_is_watched(side: Side) -> None:
    stream = side.backend.watch(parse("M:OUTTMP@p,200", "G:AMANDA@p,200"))
    assert take(stream, 0.5)
    health = side.backend.health()
    assert (health.state, health.requests, health.reconnects) == (LinkState.UP, 2, 0)


def test_a_backend_that_cannot_write_refuses_each_setting_and_says_so(reading_only: Side) -> None:
    results = write(reading_only, ("Z:ACLTST", 12.5), ("Z:NOTFND", 1.0), ("I|H801", 1.0))
    assert [result.outcome for result in results] == [Outcome.REFUSED] * 3
    assert all(result.status.failed and "never written" in result.message for result in results)
    assert reading_only.facility.settings() == []


def test_every_backend_can_do_what_its_scheme_says(side: Side, request: pytest.FixtureRequest) -> None:
    can, said = side.backend.capabilities, scheme_of(request.node.callspec.params["side"]).capabilities
    assert (side.backend.name, can, can.read, can.watch) == (side.name, said, True, True)


def test_devices_are_described_and_one_that_does_not_exist_has_a_reading_alone(describing: Side) -> None:
    found = describing.infos.describe(["M:OUTTMP", "Z:NOTFND", "Z:ACLTST", "G:MODE", "G:DOORS"], TIMEOUT)
    assert found["Z:NOTFND"] == DeviceInfo("Z:NOTFND", reading=PropertyInfo(), exists=False)
    outtmp, acltst = found["M:OUTTMP"], found["Z:ACLTST"]
    assert outtmp.description == "Outdoor temperature"
    assert outtmp.reading is not None
    assert (outtmp.reading.units, outtmp.setting, outtmp.status, outtmp.analog) == ("degF", None, False, True)
    assert acltst.setting is not None
    assert [bit.name for bit in acltst.bits] == ["ON", "READY", "REMOTE", "POSITIVE", "RAMP"]
    assert {(command.code, command.name) for command in acltst.commands} >= {(0, "RESET"), (1, "ON"), (2, "OFF")}
    assert found["G:MODE"].reading is not None
    assert found["G:MODE"].reading.text
    assert (found["G:DOORS"].reading, found["G:DOORS"].status) == (None, True)
