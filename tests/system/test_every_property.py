"""Every property that can be set, of every type of value, through Channel Access and every backend that can write.

One simulated facility stands behind all of them, so that its own log says what came, whatever the way.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from gateway.app.adapters import open_backends
from gateway.app.compose import Gateway
from gateway.app.describe import teach
from gateway.app.rules import guard_of
from gateway.config.load import load
from gateway.core.alarm_block import AlarmBlock, AlarmFlag, Ftd
from gateway.core.drf import DataRequest
from gateway.core.ports import Backend
from gateway.core.values import SettingValue
from gateway.plan.build import build_plan
from gateway.runtime.amqp import Broker
from gateway.runtime.clock import SystemClock
from gateway.runtime.worker import Worker
from iocs.environment import ca_settings
from simulator.facility import AppliedSetting, Facility, shipped_facility
from simulator.in_process import InProcessBackend
from simulator.services import Services
from tests.support import grpc_engine
from tests.support.ca_client import CaClient
from tests.support.kdc import Kdc
from tests.support.leaks import check_leaks
from tests.support.processes import HOST, START_TIME, Json, Running, Site, until
from tests.support.rabbitmq import RabbitMq
from tests.support.tokens import SECRET, token_for

CLOCK = SystemClock()
MINOR, MAJOR = 1, 2
WAYS = ("OWN", "HTTP", "GRPC", "DMQ")
DEVICES = {  # by the last part of the PV's name: the request, and what else its entry says
    "SCALAR": "Z:ACLTS1", "VOLTS": "G:AMANDA.PRIMARY", "ARRAY": "D:GAINS[0:7]", "PART": "D:RAMPTB[2:4]",
    "STATE": "G:MODE", "TEXT": "G:NOTES", "BYTES": "V:MISTAT{0:2}.RAW", "SUPPLY": "N:H801", "VALVE": "G:VALVE",
    "BLOCKS": "Z:BLOCKS", "CONFIRMED": "Z:ACLTST", "MAGNET": "N:LGXS", "TRIPPED": "L:TRIPPD",
}  # fmt: skip
SOON = ", confirm: {tolerance: 0.1, timeout: 10, interval: 0.02}"
MORE = {
    "CONFIRMED": SOON, "MAGNET": SOON, "TRIPPED": ", confirm: {tolerance: 0, timeout: 0.3, interval: 0.05}",
}  # fmt: skip
COMMANDS = {  # each that is conventional: the attribute of STATUS that it is for, and what it is afterwards
    "OFF": ("ON", 0), "ON": ("ON", 1), "NEGATIVE": ("POSITIVE", 0), "POSITIVE": ("POSITIVE", 1), "RAMP": ("RAMP", 1),
    "DC": ("RAMP", 0), "LOCAL": ("REMOTE", 0), "REMOTE": ("REMOTE", 1), "TRIP": ("READY", 0), "RESET": ("READY", 1),
}  # fmt: skip
BLOCK = AlarmBlock(0x0241, b"\x10\0\0\0", b"\x40\0\0\0", 0, 4, Ftd(30), bytes((0, 0, 1, 0, 0, 0)))


@dataclass(frozen=True)
class Case:
    """A put, and what the facility hears of it: requests, and the value of the last; nothing where it is refused."""

    pv: str  # without the way
    value: object
    heard: tuple[str, ...] = ()
    arrives: SettingValue | None = None
    outcome: str = "ACCEPTED"
    shown: tuple[str, object] | None = None  # a PV that reads it back, and what it shows
    said: str = ""  # in :WR:MSG
    only: tuple[str, ...] = WAYS

    def __str__(self) -> str:
        return f"{self.pv}={str(self.value)[:20]}"


def edit(part: str, value: float, field: str, device: str = "N:H801", pv: str = "SUPPLY") -> Case:
    """A put on a part of an alarm block that every server sets as a field."""
    return Case(f"{pv}:{part}", value, (f"{device}.{field}@N",), float(value), shown=(f"{pv}:{part}", value))


SET = [
    Case("SCALAR:SP", 4.5, ("Z:ACLTS1.SETTING@N",), 4.5, shown=("SCALAR:SP_RBV", 4.5)),
    Case("SCALAR", 5.5, ("Z:ACLTS1.SETTING@N",), 5.5, shown=("SCALAR:SP", 5.5)),
    Case("VOLTS:SP", 3.0, ("G:AMANDA.SETTING.PRIMARY@N",), 3.0, shown=("VOLTS:SP_RBV", 3.0)),
    Case("ARRAY:SP", [0, 1, 2, 3, 4, 5, 6, 7.5], ("D:GAINS.SETTING[0:7]@N",), np.array([0, 1, 2, 3, 4, 5, 6, 7.5]),
         shown=("ARRAY:SP_RBV", [0, 1, 2, 3, 4, 5, 6, 7.5])),
    Case("PART:SP", [1.5, 2.5, 3.5], ("D:RAMPTB.SETTING[2:4]@N",), np.array([1.5, 2.5, 3.5]),
         shown=("PART:SP", [1.5, 2.5, 3.5])),
    Case("STATE:SP", "Beam", ("G:MODE.SETTING@N",), "Beam"),
    Case("TEXT:SP", "all quiet at the far end of the ring, as of now"[:40], ("G:NOTES.SETTING@N",),
         "all quiet at the far end of the ring, as of now"[:40]),
    Case("BYTES:SP", [7, 1], ("V:MISTAT.SETTING{0:2}.RAW@N",), b"\x07\x01"),
    Case("SUPPLY:CMD", "OFF", ("N:H801.CONTROL@N",), 2.0),
    Case("SUPPLY:CMD", 1, ("N:H801.CONTROL@N",), 1.0),  # by its place: ON
    Case("VALVE:CMD", "CLOSE", ("G:VALVE.CONTROL@N",), 2.0),  # a command of the device's own
    Case("CONFIRMED:CMD", "OFF", ("Z:ACLTST.CONTROL@N",), 2.0, "VERIFIED", ("CONFIRMED:STS:ON", 0)),
    Case("CONFIRMED:SP", 12.5, ("Z:ACLTST.SETTING@N",), 12.5, "VERIFIED"),
    Case("CONFIRMED:ALM:MAX", 44.0, ("Z:ACLTST.ANALOG.MAX@N",), 44.0, "VERIFIED", ("CONFIRMED:ALM:MAX", 44.0)),
    edit("ALM:MIN", -9.5, "ANALOG.MIN"), edit("ALM:MAX", 9.5, "ANALOG.MAX"), edit("ALM:NOM", 1.0, "ANALOG.NOM"),
    edit("ALM:TOL", 4.0, "ANALOG.TOL"), edit("ALM:ENABLE", 0, "ANALOG.ALARM_ENABLE"),
    edit("ALM:ABORT_INHIBIT", 1, "ANALOG.ABORT_INHIBIT"), edit("ALM:TRIES_NEEDED", 200, "ANALOG.TRIES_NEEDED"),
    edit("DALM:NOM", 5, "DIGITAL.NOM"), edit("DALM:MASK", 3, "DIGITAL.MASK"),
    edit("DALM:ENABLE", 0, "DIGITAL.ALARM_ENABLE"), edit("DALM:ABORT_INHIBIT", 1, "DIGITAL.ABORT_INHIBIT"),
    edit("DALM:TRIES_NEEDED", 9, "DIGITAL.TRIES_NEEDED"),
    Case("SUPPLY.HIHI", 11.0, ("N:H801.ANALOG.MAX@N",), 11.0, shown=("SUPPLY:ALM:MAX", 11.0)),
    Case("SUPPLY.LOLO", -11.0, ("N:H801.ANALOG.MIN@N",), -11.0, shown=("SUPPLY:ALM:MIN", -11.0)),
    Case("SUPPLY:ALM:RAW", list(BLOCK.encode()), ("N:H801.ANALOG{0:20}.RAW@N",), BLOCK.encode(),
         shown=("SUPPLY:ALM:TRIES_NEEDED", 4), only=("OWN", "HTTP", "GRPC")),
    Case("SUPPLY:ALM:FTD", 60, ("N:H801.ANALOG{0:20}.RAW@N",), shown=("SUPPLY:ALM:FTD", 60),
         only=("OWN", "HTTP", "GRPC")),
    Case("BLOCKS:DALM:MASK", 2, ("Z:BLOCKS.DIGITAL.MASK@N", "Z:BLOCKS.DIGITAL{0:20}.RAW@N"),
         shown=("BLOCKS:DALM:MASK", 2), only=("OWN", "HTTP", "GRPC")),
    Case("BLOCKS:ALM:ENABLE", 0, ("Z:BLOCKS.ANALOG.ALARM_ENABLE@N", "Z:BLOCKS.ANALOG{0:20}.RAW@N"),
         shown=("BLOCKS:ALM:ENABLE", 0), only=("OWN", "HTTP", "GRPC")),
]  # fmt: skip
REFUSED = [  # before the backend is contacted
    Case("SCALAR:SP", 11.0, outcome="DENIED", said="from 0 to 10"),
    Case("ARRAY:SP", [1, 2, 3], outcome="DENIED", said="exactly 8 values, not 3"),
    Case("PART:SP", [1, 2], outcome="DENIED", said="exactly 3 values, not 2"),
    Case("BYTES:SP", [7], outcome="DENIED", said="exactly 2 bytes, not 1"),
    Case("SUPPLY:ALM:RAW", [1] * 19, outcome="DENIED", said="exactly 20 bytes, not 19"),
    Case("SUPPLY:ALM:TRIES_NEEDED", 256, outcome="DENIED", said="from 0 to 255"),
    Case("SUPPLY:CMD", "RAMP", outcome="DENIED"),  # which it has not
    Case("SUPPLY:ALM:RAW", list(BLOCK.encode()), outcome="FAILED", said="1, 2 or 4 bytes, not 20", only=("DMQ",)),
    Case("SUPPLY:ALM:FTD", 30, outcome="FAILED", said="1, 2 or 4 bytes, not 20", only=("DMQ",)),
]
ONLY_SHOWN = [
    Case("SUPPLY:ALM:STATUS", 0),
    Case("SUPPLY:DALM:EVENT", 0),
    Case("SUPPLY:STS", 7),
    Case("SUPPLY:STS:ON", 1),
]
BY_THE_SERVICE = [  # which has seen it
    Case("STATE:SP", "Nonsense", ("G:MODE.SETTING@N",), outcome="FAILED", said="[14 -20]"),
    Case("BLOCKS:ALM:MAX", 4.0, ("Z:BLOCKS.ANALOG.MAX@N",), outcome="FAILED", said="[14 -20]"),
]


def each(cases: list[Case]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    found = [(way, case) for way in WAYS for case in cases if way in case.only]
    return pytest.mark.parametrize(("way", "case"), found, ids=[f"{way} {case}" for way, case in found])


@dataclass
class Stage:
    """The gateway of all ways over one facility, and a client of libca."""

    facility: Facility
    client: Running
    watcher: CaClient
    _puts: int = 0

    def put(self, way: str, case: Case) -> Json:
        """Put and wait for the answer."""
        self._puts += 1
        number, device = self._puts, f"{way}:{case.pv.partition(':')[0].partition('.')[0]}"
        text = isinstance(case.value, str) and not case.pv.endswith("CMD")
        wish = {"id": number, "pv": f"{way}:{case.pv}", "device": device, "value": case.value, "text": text}
        self.client.tell(json.dumps(wish))
        answers = lambda: [line for line in self.client.lines() if line.get("id") == number]  # noqa: E731
        assert until(lambda: answers() or self.client.process.poll() is not None, 30.0), self.client.report()
        return answers()[0]

    def get(self, name: str) -> object:
        """What a PV shows."""
        return self.watcher.get(self.watcher.create(name))

    def block(self, name: str) -> AlarmBlock:
        """An alarm block as the front end holds it."""
        value, _ = self.facility.read(DataRequest.parse(f"{name}.RAW@I"), CLOCK.now_ns())
        assert isinstance(value, bytes)
        return AlarmBlock.decode(value)

    def set_block(self, name: str, block: AlarmBlock) -> None:
        """Somebody else sets an alarm block."""
        assert self.facility.write(DataRequest.parse(f"{name}.RAW@N"), block.encode(), CLOCK.now_ns()).good

    def labels(self, name: str) -> list[str]:
        """The choices of an enum."""
        return self.watcher.get_labels(self.watcher.create(name))

    def severity(self, name: str) -> int:
        """The severity that a PV shows."""
        return self.watcher.get_time(self.watcher.create(name)).severity

    def shows(self, way: str, pv: str, value: object) -> bool:
        """Whether a PV shows a value soon: its stream may bring it with the next event only."""
        channel = self.watcher.create(f"{way}:{pv}")
        try:
            return until(lambda: np.array_equal(self.watcher.get(channel), value), 10.0)  # type: ignore[arg-type]
        finally:
            self.watcher.clear(channel)


def config_text(services: Services, rabbitmq: RabbitMq, keytab: str, token: str) -> str:
    kerberos = f"auth: {{kerberos: {{keytab: {keytab}}}}}"
    backends = {
        "OWN": '{url: "sim:"}',
        "HTTP": f'{{url: "dpm+http://{services.addresses["dpm_http"]}?role=testing", {kerberos}}}',
        "GRPC": f'{{url: "dpm+grpc://{services.addresses["dpm_grpc"]}", auth: {{jwt: {{token_file: "{token}"}}}}}}',
        "DMQ": f'{{url: "dmq://{HOST}:{rabbitmq.port}/", {kerberos}}}',
    }
    lines = [f"gateway: {{name: GW1, interfaces: [{HOST}], writes: on, alarm_event: 'p,300'}}", "backends:"]
    lines += [f"  {name}: {backend}" for name, backend in backends.items()]
    lines += ["devices:"]
    lines += [
        f'  - {{device: "{request}", name: "{way}:{name}", backend: {way}, event: "p,100", writable: true, '
        "alarms_writable: true"
        f"{MORE.get(name, '')}}}"
        for way in WAYS
        for name, request in DEVICES.items()
    ]
    return "\n".join(lines) + "\n"


def gateway_over(facility: Facility, text: str, site: Site) -> Gateway:
    """The gateway as `acgate run` makes it, but for its own simulator, which is the one that everybody else has."""
    config = load(text, str(site.folder / "gateway.yaml"), {}, lambda name: name)
    backends: dict[str, Backend] = open_backends(config, CLOCK)
    backends["OWN"].close()
    backends["OWN"] = InProcessBackend("OWN", facility, CLOCK)
    infos = backends["OWN"].describe(facility.devices, 5.0)
    teach(backends, infos)
    plan, _ = build_plan(config, infos)
    settings = ca_settings(site.environment(), config.gateway.interfaces, (), 1000)
    return Gateway(plan, backends, CLOCK, settings, guard_of(config.gateway, site.folder, plan, CLOCK)[0])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, rabbitmq: RabbitMq, kdc: Kdc) -> Iterator[Stage]:
    grpc_engine.begin()
    with Site(tmp_path_factory.mktemp("every")) as site, pytest.MonkeyPatch.context() as patch, check_leaks():
        for name, value in kdc.environment.items():
            patch.setenv(name, value)
        secret, token = site.folder / "secret", site.folder / "token"
        secret.write_bytes(SECRET)
        token.write_text(token_for(SECRET, CLOCK.now_ns() / 1e9 + 3600))
        facility = shipped_facility()
        services = Services(
            facility, CLOCK, {"dpm_http": 0, "dpm_grpc": 0}, keytab=kdc.keytab, jwt_secret=secret,
            broker=Broker.parse(rabbitmq.url),
        )  # fmt: skip
        services.start()
        gateway = gateway_over(facility, config_text(services, rabbitmq, str(kdc.user_keytab), str(token)), site)
        listening, loops = threading.Event(), []

        async def serve() -> None:
            stop = asyncio.Event()
            loops.append((asyncio.get_running_loop(), stop))
            await gateway.run(stop, lambda _: listening.set())

        def failed(death: BaseException) -> None:
            deaths.append(death)
            listening.set()

        deaths: list[BaseException] = []
        worker = Worker("gateway of every property", lambda _: asyncio.run(serve()), failed)
        worker.start()
        assert listening.wait(START_TIME)
        assert deaths == []
        with CaClient(site.ca_port) as watcher:
            client = site.client("puts_aioca", stdin=True)
            yield Stage(facility, client, watcher)
            client.close()
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        assert worker.stop(START_TIME)
        assert services.stop()


def plain(value: SettingValue) -> object:
    """A value as a list where it is one: a protocol may carry a single number as an array of one."""
    if isinstance(value, bytes):
        return value
    return [value] if isinstance(value, str) else np.atleast_1d(value).tolist()


def heard(stage: Stage, before: list[AppliedSetting]) -> list[AppliedSetting]:
    """What has come to the facility since then."""
    return stage.facility.settings()[len(before) :]


@each(SET)
def test_what_can_be_set_comes_as_it_was_put(stage: Stage, way: str, case: Case) -> None:
    before = stage.facility.settings()
    said = stage.put(way, case)

    assert said["ok"], json.dumps(said)
    assert said["state"] == case.outcome, said
    came = heard(stage, before)
    assert [str(one.request) for one in came] == list(case.heard)
    assert came[-1].status.good
    if case.arrives is not None:
        assert plain(came[-1].value) == plain(case.arrives)
    if case.shown is not None:
        assert stage.shows(way, *case.shown), case


@each(REFUSED)
def test_what_does_not_fit_is_refused_and_no_backend_hears_of_it(stage: Stage, way: str, case: Case) -> None:
    before = stage.facility.settings()
    said = stage.put(way, case)

    assert (said["ok"], said["state"]) == (False, case.outcome), said
    assert case.said in said["message"], said
    assert heard(stage, before) == []


@each(ONLY_SHOWN)
def test_what_only_shows_gives_nobody_the_right_to_write(stage: Stage, way: str, case: Case) -> None:
    before = stage.facility.settings()
    said = stage.put(way, case)

    assert said["error"] == f"{way}:{case.pv}: Write access denied"
    assert heard(stage, before) == []


@each(BY_THE_SERVICE)
def test_what_the_service_refuses_fails_with_its_words(stage: Stage, way: str, case: Case) -> None:
    before = stage.facility.settings()
    said = stage.put(way, case)

    assert (said["ok"], said["state"]) == (False, case.outcome), said
    assert case.said in said["message"], said
    assert [str(one.request) for one in heard(stage, before)] == list(case.heard)


@pytest.mark.parametrize("way", WAYS)
def test_each_command_is_verified_by_the_status_and_what_the_device_has_not_is_no_choice(
    stage: Stage, way: str
) -> None:
    labels = {name: stage.labels(f"{way}:{name}:CMD") for name in ("MAGNET", "SUPPLY", "VALVE")}
    assert sorted(COMMANDS) == sorted(labels["MAGNET"])
    assert labels["SUPPLY"] == ["RESET", "ON", "OFF", "POSITIVE", "NEGATIVE"]
    assert labels["VALVE"] == ["OPEN", "CLOSE", "RESET"]
    for command, (attribute, state) in COMMANDS.items():
        before = stage.facility.settings()
        said = stage.put(way, Case("MAGNET:CMD", command))
        assert (said["ok"], said["state"]) == (True, "VERIFIED"), said
        assert [str(one.request) for one in heard(stage, before)] == ["N:LGXS.CONTROL@N"]
        assert stage.shows(way, f"MAGNET:STS:{attribute}", state), command


@pytest.mark.parametrize("way", WAYS)
def test_a_command_that_the_device_ignores_is_unconfirmed_and_minor_and_sent_once(stage: Stage, way: str) -> None:
    before = stage.facility.settings()
    said = stage.put(way, Case("TRIPPED:CMD", "RESET"))  # the fault is not gone

    assert (said["ok"], said["state"]) == (False, "UNCONFIRMED"), said
    assert "accepted, but not confirmed within 0.3 s" in said["message"], said
    assert [str(one.request) for one in heard(stage, before)] == ["L:TRIPPD.CONTROL@N"]
    assert stage.severity(f"{way}:TRIPPED:CMD") == MINOR


def test_limits_and_bypass_that_somebody_sets_in_acnet_are_those_of_the_reading_whatever_the_way(stage: Stage) -> None:
    def severities() -> list[int]:
        return [stage.severity(f"{way}:BLOCKS") for way in WAYS]

    def becomes(wished: int) -> bool:
        return until(lambda: severities() == [wished] * len(WAYS), 10.0)

    block = stage.block("Z:BLOCKS.ANALOG").with_flag(AlarmFlag.ENABLE, True).with_flag(AlarmFlag.EVENT, False)
    stage.set_block("Z:BLOCKS.ANALOG", block.with_analog_values(7.0, 8.0))  # the reading is 1 V
    assert becomes(MAJOR), severities()
    for way in WAYS:
        assert [8.0, 7.0, MAJOR] == [stage.get(f"{way}:BLOCKS.{name}") for name in ("HIHI", "LOLO", "HHSV")]
        assert (7.0, 8.0) == stage.watcher.get_control(stage.watcher.create(f"{way}:BLOCKS")).alarm
    stage.set_block("Z:BLOCKS.ANALOG", stage.block("Z:BLOCKS.ANALOG").with_flag(AlarmFlag.EVENT, True))
    assert becomes(MINOR), severities()
    stage.set_block("Z:BLOCKS.ANALOG", stage.block("Z:BLOCKS.ANALOG").with_flag(AlarmFlag.ENABLE, False))
    assert becomes(0), severities()
