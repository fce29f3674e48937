"""What the device database says reaches every client: at the start, from the cache, when it changes (P-15, P-43)."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.app.commands.demo import demo_config
from gateway.core.device_info import PropertyInfo
from gateway.core.drf import DataRequest
from gateway.runtime.clock import SystemClock
from gateway.wire.devdb import BitRecord, CommandRecord, PropertyRecord
from simulator.devdb_server import DevdbServer
from simulator.facility import shipped_facility
from simulator.services import Services
from tests.support.ca_client import CTRL_DOUBLE, DBE_PROPERTY, CaClient, Control
from tests.support.processes import HOST, Json, Running, Site, until

PATIENCE = 20.0
DEVICES = """devices:
  - {device: "M:OUTTMP"}
  - {device: "Z:ACLTST", writable: true}
  - {device: "N:H801", writable: true}
"""


class Centre:
    """The simulated central services in this process, where a test can change what they say."""

    def __init__(self) -> None:
        self.facility = shipped_facility()
        self.services = Services(self.facility, SystemClock(), {"dpm_http": 0, "dpm_grpc": 0, "devdb": 0})
        self.services.start()
        self.dpm, self.devdb = (self.services.addresses[key] for key in ("dpm_http", "devdb"))

    @property
    def database(self) -> DevdbServer:
        server = self.services.servers["devdb"]
        assert isinstance(server, DevdbServer)
        return server

    def end_database(self) -> None:
        assert self.database.stop()

    def begin_database(self) -> None:
        server = DevdbServer(self.facility, SystemClock(), int(self.devdb.rpartition(":")[2]))
        self.services.servers["devdb"] = server
        server.start()

    def config(self, cache: Path | str, refresh: float = 0.3, devices: str = DEVICES) -> str:
        return (
            f"gateway: {{name: GW1, interfaces: [{HOST}], writes: on}}\n"
            f'backends: {{dpm: {{url: "dpm+http://{self.dpm}"}}}}\n'
            f'metadata: {{url: "devdb+grpc://{self.devdb}", cache: "{cache}", refresh: {refresh}}}\n{devices}'
        )

    def close(self) -> None:
        ended = self.database.stop()
        assert self.services.stop()
        assert ended


@pytest.fixture
def centre() -> Iterator[Centre]:
    made = Centre()
    yield made
    made.close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache.json"


def told(site: Site, name: str) -> Control:
    with CaClient(site.ca_port) as client:
        return client.get_control(client.create(name))


def figure(site: Site, name: str) -> float:
    with CaClient(site.ca_port) as client:
        value = client.get(client.create(f"GW1:META:{name}"))
        assert isinstance(value, int | float)
        return value


# -- every shipped device -------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What libca was told of every PV."""

    centre: Centre
    pvs: dict[str, Json]
    texts: dict[str, str]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """The whole shipped facility, described by the device database, as pyepics sees it."""
    centre, folder = Centre(), tmp_path_factory.mktemp("all")
    try:
        with Site(folder) as site:
            running = site.run(demo_config(centre.facility, centre.services.addresses))
            (folder / "names.json").write_text(json.dumps(names_of(centre)))
            found = site.client("describe_pyepics", str(folder / "names.json")).result()
            yield Seen(centre, found["pvs"], found["texts"])
            running.end()
    finally:
        centre.close()


def names_of(centre: Centre) -> list[str]:
    """The PVs that show what a device is."""
    names = []
    for name in centre.facility.devices:
        info = centre.facility.info(name)
        assert info is not None
        names += [f"{name}:META:TEXT"]
        names += [name, f"{name}.DESC", f"{name}.DESC$"] if info.reading is not None else []
        names += [f"{name}:SP"] if info.setting is not None else []
        names += [f"{name}:STS:{bit.name}" for bit in info.bits]
        names += [f"{name}:CMD"] if info.commands else []
        names += [f"{name}:ALM:MIN", f"{name}:ALM:MAX"] if info.analog else []
    return names


def numbers(centre: Centre) -> list[tuple[str, PropertyInfo, PropertyInfo]]:
    """PVs of numbers, the property that they show, and the one whose limits a put on them has."""
    found = []
    for name in centre.facility.devices:
        info = centre.facility.info(name)
        assert info is not None
        if info.reading is not None and not info.reading.text:
            found.append((name, info.reading, info.setting or info.reading))
        if info.setting is not None and not info.setting.text:
            found.append((f"{name}:SP", info.setting, info.setting))
    return found


def limits(info: PropertyInfo) -> tuple[float, float]:
    return (0.0, 0.0) if math.isnan(info.low) else (info.low, info.high)


def test_units_precision_and_limits_of_every_device_are_right(seen: Seen) -> None:
    """The demo's configuration says how many digits a number is worth, which the database does not know."""
    wanted, found = {}, {}
    for name, shown, drive in numbers(seen.centre):
        wanted[name] = (shown.units[:7], shown.precision, *limits(shown), *limits(drive))
        pv = seen.pvs[name]
        keys = ("lower_disp_limit", "upper_disp_limit", "lower_ctrl_limit", "upper_ctrl_limit")
        found[name] = (pv["units"], pv["precision"], *(pv[key] for key in keys))
    assert len(wanted) > 60
    assert wanted == found


def test_alarm_limits_of_every_device_are_those_of_its_active_block(seen: Seen) -> None:
    wanted, found = {}, {}
    for name in seen.centre.facility.devices:
        spec = seen.centre.facility.spec(name)
        if spec is None or spec.reading is None or spec.reading.text:
            continue
        block = spec.analog if spec.analog and spec.analog.enable else None
        wanted[name] = (block.minimum, block.maximum) if block else ("nan", "nan")
        found[name] = tuple(seen.pvs[name][key] for key in ("lower_alarm_limit", "upper_alarm_limit"))
        if spec.analog:
            assert spec.reading.units == seen.pvs[f"{name}:ALM:MAX"]["units"]
    assert wanted == found
    assert ("nan", "nan") != wanted["M:OUTTMP"]


def test_descriptions_bit_labels_and_commands_of_every_device_are_right(seen: Seen) -> None:
    bits = 0
    for name in seen.centre.facility.devices:
        info = seen.centre.facility.info(name)
        assert info is not None
        if info.reading is not None:
            assert seen.texts[f"{name}.DESC"] == info.description[:40]
            assert seen.texts[f"{name}.DESC$"] == info.description
        assert seen.texts[f"{name}:META:TEXT"].startswith(f"{name}: {info.description}")
        for bit in info.bits:
            bits += 1
            assert seen.pvs[f"{name}:STS:{bit.name}"]["enum_strs"] == [bit.false_text[:25], bit.true_text[:25]]
        if info.commands:
            in_order = sorted(info.commands, key=lambda one: one.code or 0)
            assert seen.pvs[f"{name}:CMD"]["enum_strs"] == [command.name for command in in_order][:16]
    assert bits > 30


# -- the cache, and what changes ------------------------------------------------------------------------------------


def test_a_change_in_the_database_is_a_property_event_and_nobody_reconnects(
    site: Site, centre: Centre, cache: Path
) -> None:
    running = site.run(centre.config(cache))
    with CaClient(site.ca_port) as client:
        reading, word = client.create("M:OUTTMP"), client.create("N:H801:STS:ON")
        number = client.subscribe(reading, CTRL_DOUBLE, mask=DBE_PROPERTY)
        assert ("degF", (-20.0, 120.0)) == ((first := client.control_update(number)).units, first.display)
        centre.database.records.edit("M:OUTTMP", reading=PropertyRecord("V", "degC", -30.0, 50.0, 10))
        changed = client.control_update(number, PATIENCE)
        while changed.units != "degC":  # its alarm block is a property event, too
            changed = client.control_update(number, PATIENCE)
        assert (0, (-30.0, 50.0)) == (changed.precision, changed.display)
        bits = (BitRecord(1, 1, False, "ON", "", "running", "standing"),)
        centre.database.records.edit("N:H801", bits=bits)
        assert until(lambda: client.get_labels(word) == ["standing", "running"], PATIENCE)
    centre.database.records.edit("N:H801", reading=None, commands=(CommandRecord(1, "GO"),))
    assert until(lambda: "N:H801: READING has gone; a restart serves it" in running.err, PATIENCE), running.report()
    with CaClient(site.ca_port) as client:
        assert ["GO"] == client.get_labels(client.create("N:H801:CMD"))
        assert "Amps" == client.get_control(client.create("N:H801")).units
    running.end()


def test_with_the_database_away_at_a_cold_start_the_cache_serves_and_its_age_is_seen(
    site: Site, centre: Centre, cache: Path
) -> None:
    site.run(centre.config(cache)).end()
    centre.end_database()
    running = site.run(centre.config(cache))
    assert ("degF", (-20.0, 120.0)) == ((found := told(site, "M:OUTTMP")).units, found.display)
    assert (3, 0) == (figure(site, "CACHED"), figure(site, "MISSING"))
    assert 0 < figure(site, "AGE") < 300
    said = [line for line in running.err.splitlines() if "3 of 3 devices are described by the cache" in line]
    assert [True] == ["UNAVAILABLE" in line for line in said]
    with CaClient(site.ca_port) as client:
        assert client.get(client.create("M:OUTTMP:META:AGE")) > 0
    centre.begin_database()
    assert until(lambda: figure(site, "CACHED") == 0, PATIENCE), running.report()
    assert figure(site, "AGE") < 2
    running.end()


def test_without_database_and_cache_the_backends_describe_the_devices_until_it_comes(
    site: Site, centre: Centre, cache: Path
) -> None:
    centre.end_database()
    running = site.run(centre.config(cache))
    assert ("degF", (0.0, 0.0)) == ((found := told(site, "M:OUTTMP")).units, found.display)
    assert (0, 3, -1.0) == (figure(site, "CACHED"), figure(site, "MISSING"), figure(site, "AGE"))
    centre.begin_database()
    assert until(lambda: told(site, "M:OUTTMP").display == (-20.0, 120.0), PATIENCE), running.report()
    assert 0 == figure(site, "MISSING")
    assert cache.exists()
    running.end()


def test_a_database_that_is_restarted_twenty_times_costs_no_client_its_metadata(
    site: Site, centre: Centre, cache: Path
) -> None:
    running = site.run(centre.config(cache, 0.1))
    with CaClient(site.ca_port) as client:
        reading = client.create("M:OUTTMP")
        for _ in range(20):
            centre.end_database()
            centre.begin_database()
            assert "degF" == client.get_control(reading).units
    assert until(lambda: figure(site, "CACHED") == 0, PATIENCE), running.report()
    assert "Traceback" not in running.err
    running.end()


def test_a_device_whose_metadata_is_nonsense_is_served_as_well_as_it_can_be(
    site: Site, centre: Centre, cache: Path
) -> None:
    records = centre.database.records
    records.edit("M:OUTTMP", reading=PropertyRecord("V", "", 120.0, -20.0))
    bits = (BitRecord(1, 1, False, "Zustand", "", "geöffnet", "Ω" * 40),)
    records.edit("Z:ACLTST", reading=PropertyRecord(None, "very long units °", math.nan, math.inf), bits=bits)
    running = site.run(centre.config(cache, 0.2))
    assert ("", (-20.0, 120.0)) == ((found := told(site, "M:OUTTMP")).units, found.display)
    assert ("very lo", (0.0, 0.0)) == ((found := told(site, "Z:ACLTST")).units, found.display)
    with CaClient(site.ca_port) as client:
        assert ["?" * 25, "geöffnet"] == client.get_labels(client.create("Z:ACLTST:STS:ZUSTAND"))
        assert ("Amps", (-20.0, 20.0)) == (
            (other := client.get_control(client.create("N:H801"))).units, other.display
        )  # fmt: skip
    calls = len(centre.database.calls)
    assert until(lambda: len(centre.database.calls) > calls + 4, PATIENCE)
    for sentence in (
        "M:OUTTMP: the limits of READING are reversed, 120 and -20; they are taken the other way round",
        "M:OUTTMP: the units of READING are blank; it is shown without units",
        "Z:ACLTST: the limits of READING are nan and inf; it is shown without limits",
    ):
        assert 1 == running.err.count(sentence), running.report()
    running.end()


def test_a_command_of_the_database_is_sent_by_its_name(site: Site, centre: Centre, cache: Path) -> None:
    running = site.run(centre.config(cache, devices='devices:\n  - {device: "E:KICKER", writable: true}\n'))
    with CaClient(site.ca_port) as client:
        command = client.create("E:KICKER:CMD")
        assert ["RESET", "ON", "OFF", "CHARGE", "DUMP"] == client.get_labels(command)
        assert 1 == client.put(command, 4)
    sent = [one.value for one in centre.facility.settings() if one.request.device == "E:KICKER"]
    assert [("DUMP",)] == sent
    running.end()


def test_a_limit_that_changes_in_the_front_end_is_a_property_event(site: Site, centre: Centre, cache: Path) -> None:
    running = site.run(centre.config(cache))
    with CaClient(site.ca_port) as client:
        number = client.subscribe(client.create("N:H801"), CTRL_DOUBLE, mask=DBE_PROPERTY)
        assert until(lambda: told(site, "N:H801").alarm == (-15.0, 15.0), PATIENCE)
        write = DataRequest.parse("N:H801.ANALOG.MAX@N")
        assert not centre.facility.write(write, 12.0, SystemClock().now_ns()).failed
        changed: Any = None
        while changed is None or changed.alarm != (-15.0, 12.0):
            changed = client.control_update(number, PATIENCE)
    assert until(lambda: math.isclose(alarm_part(site, "MAX"), 12.0), PATIENCE)
    running.end()


def alarm_part(site: Site, part: str) -> float:
    with CaClient(site.ca_port) as client:
        value = client.get(client.create(f"N:H801:ALM:{part}"))
        assert isinstance(value, float)
        return value


def test_the_whole_text_of_a_long_description_is_a_long_string(site: Site, centre: Centre, cache: Path) -> None:
    text = "A description that is longer than the forty bytes that a record has for it, and whole all the same"
    centre.database.records.edit("M:OUTTMP", description=text)
    running: Running = site.run(centre.config(cache))
    with CaClient(site.ca_port) as client:
        codes = client.get(client.create("M:OUTTMP:META:TEXT"))
        assert text in bytes(codes).decode("latin-1")  # type: ignore[call-overload]
    assert "the description takes 98 bytes, .DESC shows 40; the whole is in M:OUTTMP:META:TEXT" in running.err
    running.end()
