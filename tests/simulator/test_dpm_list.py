"""The life of a list, from the page: sections 6, 7.2, 8, 10 and 11 of dpm-http.md, without a socket."""

import numpy as np
import pytest

from gateway.core.drf import DataRequest
from gateway.core.status import OK, Status
from gateway.wire import dpm
from simulator.dpm_list import DpmList
from simulator.facility import Facility, shipped_facility
from simulator.schedule import Tick
from tests.simulator.dpm_client import setting

NOW = 1_700_000_000_000_000_000
MS = 1_000_000
SECOND = 1000 * MS
BAD_REQUEST, BAD_EVENT, NOPROP, NO_SOURCE, BAD_SOURCE = -6127, -8431, -3312, -10735, -10991


class Listing:
    """A list and its replies, ticks taken apart."""

    def __init__(self, facility: Facility | None = None) -> None:
        self.facility = facility or shipped_facility()
        self.list = DpmList(4096, self.facility, NOW)

    def do(self, message: dpm.Request, at_ms: int = 0) -> list[dpm.Reply]:
        now = NOW + at_ms * MS
        stream, answer = self.list.handle(message, now)
        return _apart(stream) + ([answer] if answer else []) + _apart(self.list.due(now))

    def add(self, *texts: str, first: int = 1) -> list[dpm.Reply]:
        return [reply for ref, text in enumerate(texts, first) for reply in self.do(dpm.AddToList(4096, ref, text))]

    def start(self, at_ms: int = 0, model: str | None = None) -> list[dpm.Reply]:
        return self.do(dpm.StartList(4096, model), at_ms)

    def run(self, from_ms: int, until_ms: int, step_ms: int = 50) -> list[dpm.Reply]:
        """What comes after the first time, up to the second."""
        times = range(from_ms + step_ms, until_ms + 1, step_ms)
        return [reply for at in times for reply in _apart(self.list.due(NOW + at * MS))]


def _apart(stream: object) -> list[dpm.Reply]:
    found: list[dpm.Reply] = []
    for item in stream:  # type: ignore[attr-defined]
        if isinstance(item, Tick):
            pairs = zip(item.tags.tolist(), item.values.tolist(), strict=True)
            found += [dpm.ScalarReply(tag, item.stamp_ns // MS, 0, 0, value) for tag, value in pairs]
        else:
            found.append(item)
    return found


def kinds(replies: list[dpm.Reply]) -> list[str]:
    return [f"{type(reply).__name__.removesuffix('Reply')}{getattr(reply, 'ref_id', '')}" for reply in replies]


def test_a_started_list_gives_device_info_the_start_reply_and_one_value_for_a_one_shot():
    of = Listing()
    assert [] == of.add("Z:ACLTST.READING@I")
    info, started, value = of.start()
    assert dpm.DeviceInfoReply(1, 140013, "Z:ACLTST", "ACL test device", "Amps") == info
    assert dpm.StartListReply(4096, 0) == started
    assert dpm.ScalarReply(1, NOW // MS, 0, 0, 10.0) == value
    assert {"ListStatus"} == set(kinds(of.run(0, 10_000)))


def test_nothing_changed_means_nothing_happens_but_the_start_reply():
    of = Listing()
    of.add("Z:ACLTST@p,100")
    of.start()
    of.do(dpm.StopList(4096), 10)
    assert ["StartList"] == kinds(of.start(20))
    assert {"ListStatus"} >= set(kinds(of.run(20, 5000)))
    of.add("Z:ACLTS1@N", first=2)
    assert ["DeviceInfo1", "DeviceInfo2", "StartList", "Scalar1"] == kinds(of.start(6000))


def test_a_stopped_list_is_silent_at_once():
    of = Listing()
    of.add("Z:ACLTST@p,100")
    of.start()
    assert 5 == len(of.run(0, 500))
    assert [] == of.do(dpm.StopList(4096), 510)
    assert [] == [kind for kind in kinds(of.run(510, 3000)) if kind != "ListStatus"]


def test_a_cleared_list_runs_on_until_it_is_stopped_or_started():
    of = Listing()
    of.add("Z:ACLTST@p,100")
    of.start()
    of.do(dpm.ClearList(4096), 10)
    assert ["Scalar1"] == kinds(of.run(50, 100))
    assert ["StartList"] == kinds(of.start(120))
    assert [] == of.run(120, 1000)


def test_a_removed_request_runs_on_until_the_next_start():
    of = Listing()
    of.add("Z:ACLTST@p,100", "Z:ACLTS1@p,100")
    of.start()
    of.do(dpm.RemoveFromList(4096, 1), 10)
    assert {"Scalar1", "Scalar2"} == set(kinds(of.run(0, 100)))
    assert ["DeviceInfo2", "StartList", "Scalar2"] == kinds(of.start(150))


def test_a_start_with_changes_starts_all_requests_anew_but_no_one_shots():
    of = Listing()
    of.add("Z:ACLTST@I", "Z:ACLTS1@p,1000", "Z:NOTFND@I")
    assert ["DeviceInfo1", "DeviceInfo2", "Status3", "StartList"] == kinds(of.start())[:4]
    of.add("G:AMANDA@p,1000", first=4)
    again = ["DeviceInfo2", "Status3", "DeviceInfo4", "StartList", "Scalar2", "Scalar4"]
    assert again == kinds(of.start(100))


def test_a_reference_that_is_added_again_is_replaced():
    of = Listing()
    of.add("Z:ACLTST@I")
    of.add("G:AMANDA@I")
    assert "G:AMANDA" == of.start()[0].name
    of.add("Z:ACLTST@I")
    assert "Z:ACLTST" == of.start()[0].name


@pytest.mark.parametrize(
    ("text", "status", "at_once"),
    [
        ("XX", BAD_REQUEST, True),
        ("M:OUTTMP[3:1]", BAD_REQUEST, True),
        ("M:OUTTMP@X", BAD_EVENT, True),
        ("M:OUTTMP@p,1.5", BAD_EVENT, True),
        ("#:", BAD_REQUEST, True),
        ("#abcdef", BAD_REQUEST, False),
        ("M:OUTTMP.FOO", BAD_REQUEST, False),
        ("M:OUTTMP.ANALOG.RAMP", BAD_REQUEST, False),
        ("a foreign name", BAD_REQUEST, False),
        ("Z:NOTFND", NOPROP, False),
        ("M|OUTTMP@I", NOPROP, False),
        ("M:OUTTMP[1]@I", -7407, False),
        ("M:OUTTMP{1:1}.RAW@I", -7663, False),
        ("M:OUTTMP<-ODD", NO_SOURCE, False),
        ("M:OUTTMP<-SRFILE:1", NO_SOURCE, False),
        ("M:OUTTMP<-LOGGER:1", BAD_SOURCE, False),
        ("M:OUTTMP<-LOGGER:2:1", BAD_SOURCE, False),
        ("M:OUTTMP<-LOGGERSINGLE:X:Y:1", BAD_SOURCE, False),
    ],
)
def test_a_bad_request_is_reported_when_the_page_says(text, status, at_once):
    of = Listing()
    added, started = of.add(text), of.start()
    assert ([("Status1", status)] if at_once else []) == [(kinds([r])[0], r.status) for r in added]
    assert ([] if at_once else [("Status1", status)]) == [(kinds([r])[0], r.status) for r in started[:-1]]
    assert dpm.StartListReply(4096, 0) == started[-1]


def test_a_list_property_is_kept_and_not_answered():
    of = Listing()
    assert [] == of.add("#ROLE:testing:more", first=0)
    assert {"ROLE": "testing"} == of.list.properties
    assert ["StartList"] == kinds(of.start())


def test_a_quiet_list_beats_every_two_seconds_and_a_busy_one_does_not():
    of = Listing()
    beats = of.run(0, 9000)
    assert ["ListStatus"] * 4 == kinds(beats)
    of.add("Z:ACLTST@p,1000")
    of.start(9000)
    assert "ListStatus" not in kinds(of.run(9000, 20_000))


def test_answers_do_not_count_as_news_for_the_heartbeat():
    of = Listing()
    of.start(100)
    of.do(dpm.Authenticate(4096, b""), 1900)
    assert ["ListStatus"] == kinds(of.run(1900, 2000))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Z:ACLTST", "Scalar"), ("B:IRMS06[0:3]", "ScalarArray"), ("Z:ACLTST.RAW", "Raw"), ("G:MODE", "Text"),
        ("G:NOTES[]", "TextArray"), ("Z|ACLTST", "BasicStatus"), ("Z|ACLTST.ON", "Scalar"), ("Z|ACLTST.TEXT", "Text"),
        ("Z|ACLTST.EXTENDED_TEXT", "TextArray"), ("Z|ACLTST.BIT_VALUE", "Scalar"), ("Z@ACLTST", "AnalogAlarm"),
        ("Z$ACLTST", "DigitalAlarm"), ("Z@ACLTST.TEXT", "Text"), ("Z@ACLTST.MIN", "Scalar"), ("Z~ACLTST", "Text"),
        ("Z^ACLTST", "Scalar"), ("Z&ACLTST", "Status"), ("Z:NOSCAL", "Status"),
    ],
)  # fmt: skip
def test_the_kind_of_the_reply_is_that_of_the_table(text, kind):
    of = Listing()
    of.add(f"{text}@I")
    assert [f"{kind}1"] == kinds(of.start())[2:]


def test_digital_patterns_travel_signed():
    of = Listing()
    of.add("N$LGXS@I")
    alarm = of.start()[2]
    assert (0x8000001F - (1 << 32), 0x80000003 - (1 << 32)) == (alarm.nominal, alarm.mask)


@pytest.mark.parametrize(
    ("text", "units"),
    [("Z:ACLTST", "Amps"), ("Z_ACLTST", "Amps"), ("Z:ACLTST.PRIMARY", "V"), ("Z|ACLTST", None), ("Z:NOSCAL", None),
     ("G:MODE", None)],
)  # fmt: skip
def test_device_info_has_units_for_scaled_values_only(text, units):
    of = Listing()
    of.add(f"{text}@I")
    assert units == of.start()[0].units


def test_n_brings_device_info_and_no_data():
    of = Listing()
    of.add("Z:ACLTST.SETTING@N")
    assert ["DeviceInfo1", "StartList"] == kinds(of.start())


def test_logged_data_comes_in_chunks_and_ends_with_an_empty_one():
    of = Listing()
    of.add(f"M:OUTTMP<-LOGGER:{NOW // MS - 1_000_000}:{NOW // MS}")
    chunks = [reply for reply in of.start() if isinstance(reply, dpm.TimedScalarArrayReply)]
    assert [487, 487, 27, 0] == [len(chunk.data) for chunk in chunks]
    assert [0, 1, 2, 3] == [chunk.cycle for chunk in chunks]
    micros = np.concatenate([chunk.micros for chunk in chunks])
    assert {1_000_000} == set(np.diff(micros).tolist())
    assert NOW // 1000 == micros[-1]
    value, _ = of.facility.read(DataRequest.parse("M:OUTTMP"), NOW)
    assert value == chunks[2].data[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"M:OUTTMP<-LOGGER:{NOW // MS + 5000}:{NOW // MS + 9000}", ["DeviceInfo1", "TimedScalarArray1"]),
        ("M:OUTTMP<-LOGGERDURATION:500000", ["DeviceInfo1", *["TimedScalarArray1"] * 3]),
        (f"M:OUTTMP<-LOGGERSINGLE:Any:{NOW // SECOND - 60}:5", ["DeviceInfo1", "Scalar1"]),
        (f"M:OUTTMP<-LOGGERSINGLE:Any:{NOW // SECOND + 60}:5", ["DeviceInfo1", "Status1"]),
        ("Z|ACLTST<-LOGGERDURATION:5000", ["DeviceInfo1", "Status1"]),
        ("G:MODE<-LOGGERDURATION:5000", ["DeviceInfo1", "Status1"]),
        ("Z:SILENT<-LOGGERSINGLE:Any:5:5", ["DeviceInfo1", "Status1"]),
        ("Z:NOSCAL<-LOGGERSINGLE:Any:5:5", ["DeviceInfo1", "Status1"]),
    ],
)
def test_other_logger_requests_end_as_the_page_says(text, expected):
    of = Listing()
    of.add(text)
    assert [*expected, "StartList"] == kinds(of.start())


def test_the_model_of_a_start_is_the_source_of_requests_without_one():
    of = Listing()
    of.add("M:OUTTMP", "M:OUTTMP@I<-LIVEDATA")
    started = kinds(of.start(model="LOGGERDURATION:2000"))
    assert ["DeviceInfo1", "DeviceInfo2", "TimedScalarArray1", "TimedScalarArray1", "StartList", "Scalar2"] == started


def test_settings_are_answered_raw_scaled_text_in_one_reply():
    of = Listing()
    of.add("Z:ACLTST.SETTING@N", "G:MODE.SETTING@N", "Z:ACLTS1.SETTING.RAW@N", "Z:NOTFND@N", "Z:A.ODD@N")
    of.start()
    (reply,) = of.do(
        dpm.ApplySettings(
            "", 4096,
            raw_array=(dpm.RawSetting(3, b"\1\0\0\0"),),
            scaled_array=(dpm.ScaledSetting(99, np.ones(1)), dpm.ScaledSetting(1, np.full(1, 2.5))),
            text_array=(dpm.TextSetting(2, ("Beam",)), dpm.TextSetting(4, ("x",)), dpm.TextSetting(5, ("x",))),
        )
    )  # fmt: skip
    expected = [(3, 0), (99, BAD_REQUEST), (1, 0), (2, 0), (4, NOPROP), (5, BAD_REQUEST)]
    assert expected == [(entry.ref_id, entry.status) for entry in reply.status]
    assert (2.5, OK) == of.facility.read(DataRequest.parse("Z_ACLTST"), NOW)


def test_nothing_to_set_is_an_empty_reply():
    assert [dpm.ApplySettingsReply(())] == Listing().do(dpm.ApplySettings("", 4096))


def test_settings_need_no_start_and_no_authentication():
    of = Listing()
    of.add("Z:ACLTST.SETTING@N")
    assert [dpm.ApplySettingsReply((dpm.SettingStatus(1, 0),))] == of.do(setting(4096, 1, 3.0))


@pytest.mark.parametrize(
    ("text", "value", "status"),
    [
        ("Z:ACLTST.SETTING@N", np.ones(2), Status(14, -13)), ("Z:ACLTST.SETTING.RAW@N", b"123", Status(14, -13)),
        ("Z:ACLTST.SETTING@N", "odd", Status(14, -20)), ("Z:ACLTST.CONTROL@N", 31.0, Status(14, -20)),
        ("Z~ACLTST@N", "text", Status(17, -24)), ("Z:LOCKED.SETTING@N", 1.0, Status(17, -17)),
    ],
)  # fmt: skip
def test_a_bad_setting_has_the_status_of_the_table(text, value, status):
    of = Listing()
    of.add(text)
    (reply,) = of.do(setting(4096, 1, value))
    assert status.packed == reply.status[0].status


def test_of_two_settings_of_the_same_the_earlier_is_superseded():
    of = Listing()
    of.add("Z:ACLTST.SETTING@N", "Z_ACLTST@N", "Z:ACLTST.SETTING[0]@N")
    message = dpm.ApplySettings(
        "", 4096, scaled_array=tuple(dpm.ScaledSetting(ref, np.full(1, float(ref))) for ref in (1, 2))
    )
    (reply,) = of.do(message)
    assert [578, 0] == [entry.status for entry in reply.status]
    assert [2.0] == [item.value.tolist()[0] for item in of.facility.settings()]


def test_a_setting_of_a_silent_device_is_answered_after_five_seconds():
    of = Listing()
    of.add("Z:SILENT.SETTING@N")
    assert [] == of.do(setting(4096, 1, 3.0))
    replies = [reply for reply in of.run(0, 5000) if isinstance(reply, dpm.ApplySettingsReply)]
    assert [dpm.ApplySettingsReply((dpm.SettingStatus(1, -12543),))] == replies
    assert "ApplySettings" not in kinds(of.run(5000, 9000))


def test_authentication_is_played_and_not_checked():
    of = Listing()
    assert [dpm.AuthenticateReply("daeset/bd@localhost", b"")] == of.do(dpm.Authenticate(4096, b""))
    assert [dpm.AuthenticateReply("daeset/bd@localhost", None)] == of.do(dpm.Authenticate(4096, b"token"))
    assert [dpm.StatusReply(0, 0, -1, 0)] == of.do(dpm.EnableSettings(4096, b"mic", b"1234"))


def test_what_belongs_to_acnet_is_ignored_on_tcp():
    assert [] == Listing().do(dpm.ServiceDiscovery()) + Listing().do(dpm.OpenList())
