import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.drf import DataRequest
from gateway.core.status import UTIME, Status
from gateway.wire.acl import script_of
from simulator.acl_interpreter import AclInterpreter, Output
from simulator.acl_read import SILENCE_S
from simulator.facility import Facility, shipped_facility

START_NS = 1_700_000_000_000_000_000


class Session:
    """An interpreter whose time passes only while it waits."""

    def __init__(self, facility: Facility | None = None) -> None:
        self.facility: Facility = facility or shipped_facility()
        self.now_ns = START_NS
        self.noted: list[tuple[DataRequest, object]] = []
        note = lambda request, value: self.noted.append((request, value))  # noqa: E731
        self._interpreter = AclInterpreter(self.facility, lambda: self.now_ns, self._wait, note)

    def _wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9) + 1

    def run(self, wire: str) -> Output:
        return self._interpreter.run(script_of(wire))

    def line(self, wire: str) -> str:
        output = self.run(wire)
        assert (len(output.lines), output.error) == (1, ""), output
        return output.lines[0]

    def error(self, wire: str) -> str:
        output = self.run(wire)
        assert output.lines == ()
        return output.error


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.mark.parametrize(
    ("wire", "line"),
    [
        ("read+Z:ACLTST.SETTING", "Z:ACLTST       =  10 Amps"),
        ("read+Z_ACLTST", "Z:ACLTST       =  10 Amps"),
        ("read/setting+Z:ACLTST", "Z:ACLTST       =  10 Amps"),
        ("read/no_name/no_units+Z_ACLTST", "  10"),
        ("read/no_units+Z_ACLTST", "Z:ACLTST       =  10"),
        ("read+Z_ACLTST.PRIMARY", "Z:ACLTST       =  1 V"),
        ("read+Z_ACLTST.RAW/raw", "Z:ACLTST       = 0C80"),
        ("read+Z_ACLTST/raw", "Z:ACLTST       = 0C80"),
        ("read+D:GAINS[0:3]", "D:GAINS[0:3]   =  0 1 2 3 dB"),
        ("read+D:GAINS[]", "D:GAINS[]      =  0 1 2 3 4 5 6 7 dB"),
        ("read+D:GAINS/num_elements=2", "D:GAINS[0:1]   =  0 1 dB"),
        ("read+D:GAINS/all_elements", "D:GAINS[]      =  0 1 2 3 4 5 6 7 dB"),
        ("read/row/pendWait=0.5+devices=%22D:GAINS[0:1]%22", "D:GAINS[0:1]   =  0 1 dB"),
        ("read/row+devices='D:GAINS'/num_elements=2", "D:GAINS[0:1]   =  0 1 dB"),
        ("read+devices=D:GAINS/no_units+/num_elements=2", "D:GAINS[0:1]   =  0 1"),
        ("read+I:STAIRS[3:5].RAW/raw", "I:STAIRS[3:5]  = 07 09 0B"),
        ("read+G:MODE", "G:MODE         =  Standby"),
        ("read+G:NOTES[0:1]", "G:NOTES[0:1]   =  quiet"),
        ("read+M:OUTTMP.DESCRIPTION", "M:OUTTMP = Outdoor temperature"),
        ("read+Z:ACLTST.INDEX", "Z:ACLTST       =  140013"),
        ("read+N:LGXS.STATUS.ON", "N:LGXS is on = True"),
        ("read+N:LGXS.STATUS.RAMP", "N:LGXS is ramping = True"),
        ("read+N:LGXS.STATUS", "N:LGXS         =  ORRPR"),
        ("read+N:LGXS.STATUS.RAW/raw", "N:LGXS         = 8000001F"),
        ("read+Z:ACLTST.ANALOG.MAX", "Z:ACLTST alarm maximum = 50 Amps"),
        ("read/no_units+Z@ACLTST.MIN", "Z:ACLTST alarm minimum = -50"),
        ("read+Z:ACLTST.DIGITAL.MASK", "Z:ACLTST alarm mask = 3"),
        ("read+N:H801.DIGITAL.RAW/raw", "N:H801         = 0081 00000007 00000007 00 01 00 00 0000 0000 0000"),
        ("read+Z:ACLTST.CONTROL", "Z:ACLTST       = "),
        ("print+%22a;b%22", "a;b"),
        ("print+Z:ACLTST.setting-3-0.5", "6.5"),
        ("val=Z:ACLTST.setting-Z:ACLTST.setting;print+val", "0"),
        ("read+0:27235.DESCRIPTION", "0:27235 = Outdoor temperature"),
    ],
)  # fmt: skip
def test_a_command_prints_one_line(session: Session, wire: str, line: str) -> None:
    assert session.line(wire).rstrip() == line.rstrip()


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        ("read+Z:NOTFND", "Invalid device name (Z:NOTFND) in read device command at line 1 - DBM_NOREC"),
        ("read+M%3AOUTTMP", "Invalid device name (M%3AOUTTMP) in read device command at line 1 - DBM_NOREC"),
        ("read+M:OUTTMP@p,500", "Invalid device name (M:OUTTMP@p,500) in read device command at line 1 - DBM_NOREC"),
        ("read+some.foreign", "Invalid device name (some.foreign) in read device command at line 1 - DBM_NOREC"),
        ("read+M:OUTTMP+G:AMANDA",
         "Invalid read value variable (G:AMANDA) specified in read_device command at line 1 - CLIB_SYNTAX"),
        ("read+/raw+M:OUTTMP",
         "Invalid read value variable (M:OUTTMP) specified in read_device command at line 1 - CLIB_SYNTAX"),
        ("read+Z:ACLTS1.STATUS.REMOTE",
         "Error determining status text in read device command at line 1 - Z:ACLTS1 DIO_NOATT"),
        ("read+G:NODATA", "Error reading device in read device command at line 1 - G:NODATA DBM_NOPROP"),
        ("read+Z:NOSCAL", "Error reading device in read device command at line 1 - Z:NOSCAL DIO_NOSCALE"),
        ("fly", "Invalid command (fly) at line 1 - CLIB_SYNTAX"),
        ("read", "Invalid command (read) at line 1 - CLIB_SYNTAX"),
        ("fly+away", "Invalid command (fly away) at line 1 - CLIB_SYNTAX"),
        ("set+Z:ACLTST+1", "Setting is not permitted (set Z:ACLTST 1) at line 1 - CLIB_NOPRIV"),
        ("off+Z:ACLTST", "Setting is not permitted (off Z:ACLTST) at line 1 - CLIB_NOPRIV"),
        ("print+1+2", "Invalid command (1 2) at line 1 - CLIB_SYNTAX"),
        ("print+nothing", "Invalid command (nothing) at line 1 - CLIB_SYNTAX"),
        ("read_list+device_list=none", "Invalid command (read_list device_list=none) at line 1 - CLIB_SYNTAX"),
        ("device_list+devs", "Invalid command (device_list devs) at line 1 - CLIB_SYNTAX"),
        ("wait+0", "Invalid command (wait 0) at line 1 - CLIB_SYNTAX"),
        ("logger_get+M:OUTTMP", "Invalid command (logger_get M:OUTTMP) at line 1 - CLIB_SYNTAX"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_as_the_real_one_says_it(session: Session, wire: str, error: str) -> None:
    assert session.error(wire) == error
    assert not session.facility.settings()


def test_a_script_ends_at_its_first_error(session: Session) -> None:
    output = session.run("read+Z_ACLTST\\;read+Z:NOTFND\\;read+Z_ACLTST")
    assert output.lines == ("Z:ACLTST       =  10 Amps",)
    assert output.error == "Invalid device name (Z:NOTFND) in read device command at line 2 - DBM_NOREC"


def test_a_list_of_devices_is_read_line_by_line(session: Session) -> None:
    wire = "device_list/create+devs+devices='Z_ACLTST,G_AMANDA'\\;read_list/no_name/no_units+device_list=devs"
    assert session.run(wire).lines == ("  10", "  21.5")


def test_no_variable_outlives_its_script(session: Session) -> None:
    session.run("val=3")
    assert session.error("print+val").endswith("CLIB_SYNTAX")


def test_a_silent_front_end_costs_its_time(session: Session) -> None:
    assert session.error("read+Z:SILENT").endswith("Z:SILENT ACNET_UTIME")
    assert session.now_ns - START_NS >= SILENCE_S * 1e9


def test_a_fault_of_a_device_shows_with_its_name(session: Session) -> None:
    session.facility.fail("M:OUTTMP", UTIME)
    assert session.error("read+M:OUTTMP").endswith("M:OUTTMP ACNET_UTIME")
    session.facility.fail("M:OUTTMP", Status(99, -99))
    assert session.error("read+M:OUTTMP").endswith("M:OUTTMP ACNET_RETRY")


def test_a_read_waits_for_its_event(session: Session) -> None:
    session.line("read/pendwait+M:OUTTMP.READING/event='e,02'")
    assert session.now_ns % 5_000_000_000 < 1_000_000
    before = session.now_ns
    session.line("read+M:OUTTMP.READING/event='e,02'")  # without pendwait cached data come back
    assert session.now_ns == before


def test_a_read_does_not_wait_longer_than_it_says(session: Session) -> None:
    assert session.error("read/pendwait=0.001+M:OUTTMP.READING/event='e,00'").endswith("M:OUTTMP DPM_PEND")
    assert session.error("read+M:OUTTMP/event='x'").endswith("DBM_NOREC")


def test_a_wait_prints_nothing(session: Session) -> None:
    assert session.run("wait/event+02") == Output(())
    assert session.now_ns > START_NS


def test_logged_data_are_lines_of_time_and_value(session: Session) -> None:
    wire = 'logger_get/date_format=utc_seconds/start=%222023-11-14+22:13:17%22/end="2023-11-14+22:13:19"/units+M:OUTTMP'
    lines = session.run(wire).lines
    assert [line.split()[0] for line in lines] == ["1699999997", "1699999998", "1699999999"]
    assert all(line.split()[2] == "degF" for line in lines)
    plain = session.run(wire.replace("/date_format=utc_seconds", "").replace("/units", "")).lines
    assert plain[0].startswith("2023-11-14 22:13:17 ")
    assert session.error(wire.replace("M:OUTTMP", "Z:NOTFND")).endswith("DBM_NOREC")


def test_what_is_read_is_noted(session: Session) -> None:
    session.line("read+Z_ACLTST")
    assert session.noted == [(DataRequest.parse("Z_ACLTST"), 10.0)]


WORDS = st.sampled_from(
    [
        "read", "read/raw", "read/pendwait=0.1", "devices=", "print", "val=", "logger_get", "set", "wait/event",
        "read_list", "device_list/create", "M:OUTTMP", "Z|ACLTST", "D:GAINS[]", "N@H801.RAW", "G:NOTES[9]",
        "/num_elements=99999999", "/event='e,02'", "/start='x'", "'", '"', ";", "=", "-", "1",
    ]
)  # fmt: skip


FACILITY = shipped_facility()


@settings(deadline=None)
@given(st.lists(WORDS | st.text(max_size=5), max_size=8))
def test_any_text_is_a_script_with_an_output(words: list[str]) -> None:
    session = Session(FACILITY)
    output = session.run("+".join(words))
    assert all(isinstance(line, str) for line in (*output.lines, output.error))
    assert not session.facility.settings()
