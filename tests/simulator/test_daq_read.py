"""One call of DAQ.Read, played against the facility without a socket (dpm-grpc.md 3, 5)."""

import numpy as np
import pytest

from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.drf import DataRequest
from gateway.core.status import BAD_EVENT, BAD_REQUEST, NOPROP, NOSCALE, PEND, RETRY, UTIME, Status
from gateway.wire.daq_replies import END, NO_DATA, Replies, decode_replies
from gateway.wire.daq_values import StatusTexts
from simulator.daq_manners import DPM, Manners
from simulator.daq_read import DaqRead
from simulator.facility import shipped_facility

BEGIN = 1_800_000_000_123_456_789
SECOND = 1_000_000_000
BOOLEANS = Manners(labels=False)


class Call:
    """A call and its time, which only the test moves."""

    def __init__(self, *texts: str, manners: Manners = DPM) -> None:
        self.facility = shipped_facility()
        self.noted: list[tuple[str, int, object]] = []
        self.now = BEGIN
        self.call = DaqRead(
            self.facility,
            texts,
            BEGIN,
            manners,
            lambda request, at, value: self.noted.append((str(request), at, value)),
        )

    def after(self, seconds: float) -> Replies:
        """What comes until so many seconds later."""
        self.now += int(seconds * SECOND)
        return decode_replies(list(self.call.due(self.now)))

    @property
    def done(self) -> bool:
        return self.call.next_ns() is None


def only(replies: Replies) -> object:
    ((_, _, sample),) = replies.others
    return sample.value


def test_a_one_shot_list_is_answered_by_index_and_then_done() -> None:
    call = Call("M:OUTTMP@I", "Z:ACLTST@I", "M:OUTTMP@I")
    came = call.after(0)
    assert sorted(came.index.tolist()) == [0, 1, 2]
    assert came.stamp_ns.tolist() == [BEGIN] * 3
    assert call.done
    assert [text for text, _, _ in call.noted] == ["M:OUTTMP.READING@I", "Z:ACLTST.READING@I", "M:OUTTMP.READING@I"]


def test_stamps_have_nanoseconds() -> None:
    assert Call("M:OUTTMP@p,100").after(0.25).stamp_ns.tolist() == [BEGIN, BEGIN + SECOND // 10, BEGIN + SECOND // 5]


def test_a_periodic_request_never_ends_and_may_leave_out_the_first_sample() -> None:
    call = Call("M:OUTTMP@p,500,f", "M:OUTTMP@p,500")
    assert call.after(0).index.tolist() == [1]
    assert call.after(1.0).index.tolist() == [0, 1, 0, 1]
    assert not call.done


def test_without_an_event_the_device_has_its_own() -> None:
    assert len(Call("M:OUTTMP").after(2.0).index) == 3


def test_a_monitor_sends_changes_only() -> None:
    call = Call("Z_ACLTST@q,100", "D_GAINS[0:3]@q,100", "G_MODE@q,100", "Z_ACLTST@p,100")
    first = call.after(0)
    assert (sorted(first.index.tolist()), len(first.others)) == ([0, 3], 2)
    assert set(call.after(0.5).index.tolist()) == {3}
    for request, value in (("Z:ACLTST", 20.0), ("D:GAINS[0]", 7.0), ("G:MODE", "Studies")):
        call.facility.write(DataRequest.parse(request).for_writing(), value, call.now)
    came = call.after(0.5)
    assert came.index.tolist().count(0) == 1
    assert [index for _, index, _ in came.others] == [1, 2]


def test_fast_readings_travel_together_each_with_its_own_stamp() -> None:
    call = Call("M:OUTTMP@p,10", "Z:ACLTST@p,100")
    assert call.after(0.05).index.tolist() == [1]
    (first, second) = [decode_replies([reply]) for reply in call.call.due(BEGIN + SECOND // 10)]
    assert (first.index.tolist(), second.index.tolist()) == ([1], [0] * 11)
    assert np.diff(second.stamp_ns).tolist() == [SECOND // 100] * 10
    assert call.call.next_ns() == BEGIN + SECOND * 11 // 100


def test_clock_events_come_at_their_times() -> None:
    assert len(Call("M:OUTTMP@e,0f").after(1.0).index) == 15


def test_an_unknown_device_is_pending_after_three_seconds_and_no_sooner() -> None:
    call = Call("Z:NOTFND@I", "M:OUTTMP@I")
    assert call.after(2.9).others == ()
    assert not call.done
    ((_, index, sample),) = call.after(0.2).others
    assert (index, sample.value, sample.status) == (0, None, PEND)
    assert call.done
    ((_, _, sample),) = Call("Z:NOTFND@p,100", manners=Manners(unknown=NOPROP, unknown_after=0.0)).after(0).others
    assert sample.status == NOPROP


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("M:OUTTMP.SETTING@I", NOPROP),
        ("M:OUTTMP@p,fast", BAD_EVENT),
        ("M:OUTTMP.NONSENSE", BAD_REQUEST),
        ("SOME:EPICS:PV.VAL@I", BAD_REQUEST),
        ("M:OUTTMP<-NOWHERE", Status(17, -42)),
        ("M:OUTTMP<-LOGGER:x", Status(17, -43)),
        ("Z:NOSCAL@I", NOSCALE),
        ("Z&ACLTST", RETRY),  # success without data
    ],
)
def test_what_is_wrong_with_one_request_is_its_own_status(text: str, status: Status) -> None:
    call = Call(text, "Z:ACLTST@I")
    came = call.after(0)
    assert came.index.tolist() == [1]
    ((_, index, sample),) = came.others
    assert (index, sample.value, sample.status) == (0, None, status)
    assert call.done


def test_list_directives_and_requests_that_never_come_are_answered_by_nothing() -> None:
    call = Call("#ROLE:testing", "M:OUTTMP@N", "Z&ACLTST@N")
    assert call.done
    assert call.after(1.0).others == ()


def test_a_silent_front_end_is_a_status_after_five_seconds() -> None:
    call = Call("Z:SILENT@I")
    assert call.after(4.9).others == ()
    ((_, _, sample),) = call.after(0.2).others
    assert sample.status == UTIME


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("M:OUTTMP.RAW@I", bytes),
        ("D:GAINS[0:3]@I", np.ndarray),
        ("G:MODE@I", str),
        ("G:NOTES[0:3]@I", tuple),
        ("N|LGXS@I", StatusTexts),
        ("N@H801@I", AnalogAlarm),
        ("N$H801@I", DigitalAlarm),
        ("M~OUTTMP", str),
    ],
)
def test_each_property_is_a_value_of_its_kind(text: str, kind: type) -> None:
    assert isinstance(only(Call(text).after(0)), kind)


def test_a_status_is_in_the_words_of_the_device_or_in_booleans() -> None:
    assert only(Call("I|H801@I").after(0)) == StatusTexts({"ON": "on", "READY": "ready", "REMOTE": "remote"})
    assert only(Call("I|H801@I", manners=BOOLEANS).after(0)) == BasicStatus(True, True, True, None, None)


def test_logged_data_come_in_chunks_of_487_and_end_with_an_empty_reply() -> None:
    call = Call("M:OUTTMP<-LOGGERDURATION:599000")
    replies = list(call.call.due(BEGIN))
    sizes = [len(decode_replies([reply]).index) for reply in replies]
    assert (sizes[0], sizes[-1], sum(sizes)) == (487, 0, 599)
    assert decode_replies(replies[-1:]).others[0][2] is END
    assert call.done


def test_a_single_logged_point_is_an_ordinary_reading() -> None:
    call = Call(f"M:OUTTMP<-LOGGERSINGLE:ANY:{BEGIN // SECOND - 100}:5", "N|LGXS<-LOGGERDURATION:1000")
    came = call.after(0)
    assert came.stamp_ns.tolist() == [(BEGIN // SECOND - 100) * SECOND]
    ((_, index, sample),) = came.others
    assert (index, sample.status, sample is NO_DATA) == (1, Status(1, -30), False)
