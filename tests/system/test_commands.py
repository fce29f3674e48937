"""The commands that need no EPICS, as a user types them, against a running simulator."""

import json
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise

import pytest

from tests.support.processes import Json, Running, Site, command_fault

COMMANDS = ["demo", "run", "check", "simulate", "read", "write", "watch", "bench"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("commands")) as made:
        yield made


@pytest.fixture(scope="module")
def simulator(place: Site) -> Iterator[Running]:
    running = place.simulate()
    yield running
    running.end()


def backend(simulator: Running) -> list[str]:
    return ["--backend", f"dpm+http://{simulator.said['dpm_http']}"]


def lines(running: Running) -> list[Json]:
    return [json.loads(line) for line in running.out.splitlines()]


def test_every_command_tells_all_its_options(place: Site) -> None:
    overview = place.acgate("--help")
    each = {name: place.acgate(name, "--help") for name in COMMANDS}

    assert overview.wait(20) == 0
    assert all(f"\n    {name} " in overview.out for name in COMMANDS), overview.out
    for name, command in each.items():
        assert command.wait(20) == 0, command.report()
        assert command.out.startswith(f"usage: acgate {name}")
        assert command.err == ""


def test_the_installed_command_is_the_same(place: Site) -> None:
    version, module = place.tool("acgate", "--version"), place.acgate("--version")

    assert version.wait(20) == 0, version.report()
    assert module.wait(20) == 0, module.report()
    assert version.out == module.out


def test_without_a_command_the_help_is_shown_and_the_code_is_2(place: Site) -> None:
    nothing, misspelt, option = place.acgate(), place.acgate("chekc"), place.acgate("read", "M:OUTTMP")

    assert nothing.wait(20) == 2
    assert "usage: acgate" in nothing.err
    assert misspelt.wait(20) == 2
    assert misspelt.err == "acgate: unknown command 'chekc'; did you mean 'check'?\n"
    assert option.wait(20) == 2
    assert "--backend" in option.err


def test_check_shows_every_pv_of_the_shipped_example(place: Site) -> None:
    path = str(files("gateway.config") / "example.yaml")
    table, machine, schema = (
        place.acgate("check", path),
        place.acgate("check", path, "--json"),
        place.acgate("check", "--schema"),
    )

    assert [one.wait(20) for one in (table, machine, schema)] == [0, 0, 0], table.report()
    assert table.out.startswith("PV ")
    pvs = {pv["name"]: pv for pv in json.loads(machine.out)["pvs"]}
    assert pvs["M:OUTTMP"]["drf"].startswith("M:OUTTMP.READING@")
    assert f"{len(pvs)} PVs of " in table.out
    assert json.loads(schema.out)["type"] == "object"


def test_read_for_people_and_for_machines(place: Site, simulator: Running) -> None:
    people = place.acgate("read", "M:OUTTMP", "N|LGXS", "B:IRMS06[0:3]", *backend(simulator))
    machine = place.acgate("read", "M:OUTTMP", "B:IRMS06[0:3]", "G:MODE", "--json", *backend(simulator))

    assert people.wait(20) == 0, people.report()
    temperature, status, wave = people.out.splitlines()
    assert temperature.split()[0::2] == ["M:OUTTMP", "degF"]
    assert "on=yes ready=yes" in status
    assert wave.split()[1].startswith("[")
    assert machine.wait(20) == 0, machine.report()
    first, array, text = lines(machine)
    assert first["units"] == "degF"
    assert first["status"] == {"facility": 0, "number": 0, "name": None}
    assert len(array["value"]) == 4
    assert text["value"] == "Standby"


def test_read_of_an_unknown_device_and_of_a_dead_backend_fails(place: Site, simulator: Running) -> None:
    unknown = place.acgate("read", "M:OUTTMP", "Z:NOTFND", *backend(simulator))
    dead = place.acgate("read", "M:OUTTMP", "--backend", "dpm+http://127.0.0.1:1")
    wrong = place.acgate("read", "M:OUTTMP[", *backend(simulator))

    assert unknown.wait(20) == 1, unknown.report()
    good, bad = unknown.out.splitlines()
    assert good.startswith("M:OUTTMP  ")
    assert bad.startswith("Z:NOTFND  DBM_NOPROP [16 -13]")
    assert dead.wait(20) == 1
    assert "127.0.0.1:1: cannot connect: Connection refused" in dead.out
    assert wrong.wait(20) == 2
    assert "Traceback" not in unknown.err + dead.err + wrong.err


def test_write_is_seen_by_read_and_says_when_it_is_refused(place: Site, simulator: Running) -> None:
    written = place.acgate("write", "Z:ACLTST", "7.5", *backend(simulator))
    array = place.acgate("write", "D:GAINS[0:2]", "1,2,3", "--json", *backend(simulator))
    refused = place.acgate("write", "Z:REFUSE", "2", *backend(simulator))
    wrong = place.acgate("write", "M~OUTTMP", "text", *backend(simulator))

    assert written.wait(20) == 0, written.report()
    assert written.out == "Z:ACLTST  accepted\n"
    assert array.wait(20) == 0, array.report()
    assert lines(array)[0]["outcome"] == "accepted"
    assert refused.wait(20) == 1, refused.report()
    assert "refused" in refused.out
    assert wrong.wait(20) == 2
    assert "DESCRIPTION cannot be set" in wrong.err
    back = place.acgate("read", "Z_ACLTST", "D_GAINS[0:2]", "--json", *backend(simulator))
    assert back.wait(20) == 0
    assert [line["value"] for line in lines(back)] == [7.5, [1.0, 2.0, 3.0]]


def test_watch_shows_readings_as_they_come(place: Site, simulator: Running) -> None:
    counted = place.acgate("watch", "G:SCTIME@p,100", "--count", "5", "--json", *backend(simulator))
    timed = place.acgate("watch", "M:OUTTMP@p,200", "--seconds", "1", *backend(simulator))
    unknown = place.acgate("watch", "Z:NOTFND", "--seconds", "1", *backend(simulator))

    assert counted.wait(20) == 0, counted.report()
    stamps = [line["stamp_ns"] for line in lines(counted)]
    assert [(b - a) // 1_000_000 for a, b in pairwise(stamps)] == [100] * 4
    assert timed.wait(20) == 0, timed.report()
    assert 4 <= len(timed.out.splitlines()) <= 10  # more where the machine is busy
    assert unknown.wait(20) == 1, unknown.report()


def test_a_device_that_fails_says_its_status(place: Site, simulator: Running) -> None:
    command_fault(simulator, device="G:AMANDA", fault="wrong_status", status="1 -49")
    failed = place.acgate("read", "G:AMANDA", *backend(simulator))

    assert failed.wait(20) == 1
    assert "ACNET_UTIME [1 -49]" in failed.out
    command_fault(simulator, device="G:AMANDA", fault="none")
