"""Real EPICS clients against `acgate demo`, each in a process of its own as a user has them."""

import time
from collections.abc import Sequence
from itertools import pairwise

import pytest

from tests.support.processes import Json, Running, Site

COMMANDS = ["ON", "OFF", "RESET"]


@pytest.fixture(scope="module")
def used(demo: Running, demo_site: Site) -> dict[str, Json]:
    """What every client has to tell; those work at the same time that set no device of each other."""
    del demo
    told: dict[str, Json] = {}
    for scripts in (("use_pyepics", "use_aioca", "use_ophyd"), ("use_ophyd_async", "use_bluesky", "use_bluesky_plans")):
        running = {script: demo_site.client(script) for script in scripts}
        told |= {script: client.result() for script, client in running.items()}
    return told


def follows_one_second(updates: Sequence[Json]) -> bool:
    """Whether stamps rise by the second at which the demo asks for its devices."""
    return all(abs(b["timestamp"] - a["timestamp"] - 1.0) < 0.002 for a, b in pairwise(updates))


def test_pyepics_reads_metadata_enums_waveforms_and_texts(used: dict[str, Json]) -> None:
    said = used["use_pyepics"]

    assert 44 - 1 < said["temperature"] < 68 + 1
    control = said["control"]
    assert (control["units"], control["precision"], control["severity"]) == ("Amps", 3, 0)
    assert (control["lower_ctrl_limit"], control["upper_ctrl_limit"]) == (-100.0, 100.0)
    assert (control["lower_disp_limit"], control["upper_disp_limit"]) == (-100.0, 100.0)
    assert said["type"] == "time_double"
    assert said["commands"] == ["RESET", "ON", "OFF", "POSITIVE", "NEGATIVE", "RAMP", "DC", "LOCAL", "REMOTE"]
    assert said["bit"] == [0, "off", ["off", "on"], "time_enum"]
    assert said["word"] == [0x0E, "time_long"]
    assert len(said["wave"]) == 128
    assert len(said["part"]) == 5
    assert said["mode"][1] == "time_char"
    assert said["history"][0] > 0
    assert said["history"][1] > 0


def test_pyepics_puts_and_monitors(used: dict[str, Json]) -> None:
    said = used["use_pyepics"]

    assert (said["put"], said["setpoint"], said["readback"]) == (1, 12.5, 12.5)
    assert abs(said["reading"] - 12.5) < 0.01
    assert said["took"] < 1.0
    assert said["command"] == "OFF"
    assert said["gains"] == [1, [3.0 * n for n in range(8)]]
    assert said["mode_put"][0] == 1
    assert len(said["updates"]) == 4
    assert follows_one_second(said["updates"])
    assert {update["severity"] for update in said["updates"]} == {0}
    assert said["access"] == [False, True]
    assert said["read_only"] == "CASeverityException"
    assert said["gateway"] > 40


def test_aioca_gets_monitors_and_puts(used: dict[str, Json]) -> None:
    said = used["use_aioca"]

    assert said["control"] == {
        "units": "Amps", "precision": 3, "lower_ctrl_limit": 0.0, "upper_ctrl_limit": 10.0, "upper_disp_limit": 10.0,
        "datatype": 6,
    }  # fmt: skip
    assert abs(said["timed"]["timestamp"] - time.time()) < 60
    assert (said["timed"]["severity"], said["timed"]["status"]) == (0, 0)
    assert (said["good"], said["setpoint"]) == (True, [2.5, 0])
    assert said["enum"] == ["on", ["off", "on"]]
    assert said["text"] in ("Standby", "Beam", "Studies")
    assert said["wave"] == [1.0 + 2 * n for n in range(16)]
    assert said["ok"] == [True, True, True]
    assert said["info"] == [3, 1, True]
    assert follows_one_second(said["updates"])
    assert said["absent"]


def test_aioca_is_told_that_a_put_failed(used: dict[str, Json]) -> None:
    said = used["use_aioca"]

    assert said["failed"] == [False, True, "Z:REFUSE:SP: Channel write request failed"]
    assert said["raised"].startswith("CANothing")
    assert said["after"] == [1.0, 2, 2]  # the value did not move, MAJOR, WRITE
    assert said["read_only"].startswith("CAException: Write access denied")


def test_ophyd_signals_describe_read_and_set(used: dict[str, Json]) -> None:
    said = used["use_ophyd"]

    described = said["describe"]["temperature"]
    assert (described["dtype"], described["units"], described["precision"]) == ("number", "degF", 2)
    described = said["setpoint_describe"]["trim"]
    assert (described["units"], described["lower_ctrl_limit"], described["upper_ctrl_limit"]) == ("Amps", -15.0, 15.0)
    assert said["limits"] == [-15.0, 15.0]
    assert said["beyond"] == "LimitError"
    assert (said["done"], said["asked"], said["reading"]) == ([True, True], 4.25, 4.25)
    assert (said["put"], said["reading_after_put"]) == ("", 4.5)
    assert (said["command"], said["command_strings"]) == ("OFF", ["RESET", "ON", "OFF"])
    assert said["bit_describe"]["bit"]["enum_strs"] == ["off", "on"]
    assert said["text"] in ("Standby", "Beam", "Studies")
    assert said["mode_describe"]["mode"]["dtype"] == "string"
    assert said["wave"] == [1.0 + 2 * n for n in range(16)]
    assert said["wave_describe"]["wave"]["shape"] == [16]
    assert said["read_only"] == "ReadOnlyError"
    assert said["alarm"] == [0, 0]


def test_ophyd_async_signals_of_every_kind_connect_and_set(used: dict[str, Json]) -> None:
    said = used["use_ophyd_async"]

    value, described, reading = said["trim"]
    assert (value, reading["value"], reading["alarm_severity"]) == (3.5, 3.5, 0)
    assert (described["dtype_numpy"], described["units"], described["precision"]) == ("<f8", "Amps", 3)
    assert described["limits"] == {key: {"low": -15.0, "high": 15.0} for key in ("display", "control")}
    assert said["gains"][0] == [n / 2 for n in range(8)]
    assert said["gains"][1]["limits"]["control"] == {"low": -60.0, "high": 60.0}
    assert said["mode"] in ("Studies", "Beam")  # pyepics sets it, too
    assert (said["command"], said["bit"][0]) == ("OFF", "off")
    assert said["bit"][1]["choices"] == ["off", "on"]
    assert (said["word"], said["as_bool"]) == (6, False)


def test_ophyd_async_refuses_a_type_that_the_pv_has_not(used: dict[str, Json]) -> None:
    said = used["use_ophyd_async"]

    assert said["wrong_type"].startswith("TypeError")
    assert "has choices ('off', 'on')" in said["wrong_labels"]


def test_ophyd_async_takes_exactly_the_types_that_fit(demo: Running, demo_site: Site) -> None:
    """users.md 2.14: a scaled reading is never a LONG by accident, labels are exact, states of two may be bool."""
    del demo
    found = demo_site.client("types_ophyd_async").result()["found"]

    assert found == {
        "number": ["float"],
        "word": ["int"],
        "bit": ["str", "bool", "Bit"],
        "command": ["str", "SomeCommands", "AllCommands"],
        "text": ["str"],
        "string": ["str"],
        "array": ["float64 array"],
    }


def test_pyepics_and_aioca_work_in_one_process(demo: Running, demo_site: Site) -> None:
    del demo
    said = demo_site.client("use_both").result()

    assert (said["heard"], said["put"], said["back"]) == (True, 1, 3.5)
    assert said["updates"] > 1
    assert 44 - 1 < said["temperature"] < 68 + 1


def test_a_bluesky_scan_runs_to_the_end_with_the_right_numbers(used: dict[str, Json]) -> None:
    said = used["use_bluesky"]

    assert said["names"] == ["start", "descriptor", *["event"] * 5, "stop"]
    assert said["exit_status"] == "success"
    assert said["setpoints"] == [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert said["readings"] == pytest.approx([-2.0, -1.0, 0.0, 1.0, 2.0], abs=0.002)
    assert said["units"] == "Amps"


def test_bluesky_counts_detectors_of_every_kind_and_scans_with_several(used: dict[str, Json]) -> None:
    counted, scanned = (used["use_bluesky_plans"][plan] for plan in ("counted", "scanned"))

    assert counted["names"] == ["start", "descriptor", *["event"] * 3, "stop"]
    kinds = {name: key["dtype"] for name, key in counted["keys"].items()}
    assert kinds == {
        "temperature": "number",
        "humidity": "number",
        "wave": "array",
        "weather": "string",
        "bit": "string",
    }
    assert {tuple(event["wave"]) for event in counted["data"]} == {tuple(1.0 + 2 * n for n in range(16))}
    assert {event["bit"] for event in counted["data"]} == {"on"}
    assert [event["trim"] for event in scanned["data"]] == [-1.0, 0.5, 2.0]
    assert {"readback", "temperature", "wave", "trim"} <= set(scanned["keys"])


def test_bluesky_is_told_of_a_move_that_cannot_be_as_its_own_way_is(used: dict[str, Json]) -> None:
    said = used["use_bluesky_plans"]

    assert said["beyond"]["cause"] == "LimitError"
    assert said["locked"]["cause"] == "ReadOnlyError"
    plan, value, severity = said["refused"]
    assert "error" not in plan  # a put with completion goes on: ophyd does not look at its status
    assert (value, severity) == (1.0, 2)  # so the setpoint is what tells: it has not moved, and is in WRITE/MAJOR
    assert "Timeout" in said["patient"]["cause"] + said["patient"]["error"]  # who compares the readback hears of it


def caproto(site: Site, *arguments: str) -> Running:
    """One of caproto's tools; the repeater of the site needs no other."""
    tool, *rest = arguments
    return site.tool(tool, "--no-repeater", *rest)


def test_caproto_get_reads_numbers_enums_arrays_and_texts(demo: Running, demo_site: Site) -> None:
    del demo
    got = caproto(demo_site, "caproto-get", "--terse", "G:LCWFLO", "N:H801:STS:ON", "N:H801:STS:READY")
    wide = caproto(demo_site, "caproto-get", "--wide", "M:OUTTMP")
    text = caproto(demo_site, "caproto-get", "-S", "G:WEATHR")
    wave = caproto(demo_site, "caproto-get", "--terse", "I:STAIRS")
    absent = caproto(demo_site, "caproto-get", "--timeout", "1", "Z:NOTFND")
    running = [got, wide, text, wave]

    assert [one.wait(20) for one in running] == [0] * 4, "\n".join(one.report() for one in running)
    number, *words = got.out.split()
    assert 300 < float(number) < 325
    assert [word.strip("b'") for word in words] in (["on", "ready"], ["off", "ready"])
    assert wide.out.split()[0] == "M:OUTTMP"
    assert wave.out == f"[{' '.join(str(1 + 2 * n) for n in range(16))}]\n"
    assert text.out.split()[1].strip("\0") in ("clear", "cloudy", "rain", "snow")
    absent.wait(20)  # the tool says so, and takes it for a success
    assert "Timed out while awaiting a response from the search for 'Z:NOTFND'" in absent.out + absent.err


def test_caproto_put_waits_for_the_backend_and_is_told_when_it_fails(demo: Running, demo_site: Site) -> None:
    del demo
    good = caproto(demo_site, "caproto-put", "--notify", "--terse", "N:H801:SP", "7.5")
    command = caproto(demo_site, "caproto-put", "--notify", "N:H801:CMD", "OFF")
    refused = caproto(demo_site, "caproto-put", "--notify", "-v", "Z:LOCKED:SP", "5")
    read_only = caproto(demo_site, "caproto-put", "--notify", "-v", "M:OUTTMP", "5")
    running = [good, command, refused, read_only]

    assert [one.wait(20) for one in running] == [0] * 4, "\n".join(one.report() for one in running)
    assert good.out.split() == ["-3.25", "7.5"]
    assert "OFF" in command.out.splitlines()[-1]
    assert (
        "name='ECA_PUTFAIL'" in refused.out + refused.err
    )  # this client says so with -v only, and shows the old value
    assert refused.out.splitlines()[-1].split() == ["New", ":", "Z:LOCKED:SP", "[1.]"]
    assert "name='ECA_NOWTACCESS'" in read_only.out + read_only.err


def test_caproto_monitor_shows_each_update(demo: Running, demo_site: Site) -> None:
    del demo
    names = ["G:WNDSPD", "G:PRESUR"]
    monitor = caproto(demo_site, "caproto-monitor", "--maximum", "6", "--format", "{pv_name} {timestamp:%s}", *names)

    assert monitor.wait(20) == 0, monitor.report()
    lines = [line.split() for line in monitor.out.splitlines() if line.startswith("G:")]
    seconds = {name: [int(second) for one, second in lines if one == name] for name in names}
    for found in seconds.values():
        assert found == list(range(found[0], found[0] + 3))


def test_libca_connects_clears_subscribes_cancels_and_puts_without_a_stray(demo: Running, demo_site: Site) -> None:
    del demo
    said = demo_site.client("use_libca", "M:OUTTMP", "D:RFPHAS:SP", "I:STAIRS", "G:WEATHR").result(90)

    assert (said["rounds"], said["first"], said["late"]) == (300, 300, 0)
    assert (said["count"], said["elements"]) == (16, [1, 2, 16])
    assert (said["puts"], said["last"]) == ([], 9.9)
    assert said["rights"] == [False, True, True]


def test_a_name_server_over_tcp_alone_is_enough_for_libca(demo: Running, demo_site: Site) -> None:
    del demo
    alone = {"EPICS_CA_NAME_SERVERS": f"127.0.0.1:{demo_site.ca_port}", "EPICS_CA_ADDR_LIST": ""}
    said = demo_site.client("use_libca", "M:OUTTMP", "D:RFPHAS:SP", "I:STAIRS", "G:WEATHR", more=alone).result(90)

    assert (said["rounds"], said["first"], said["late"]) == (300, 300, 0)
