"""Names on demand by themselves: a search makes nothing, a channel does, and what nobody uses ends."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from devices.feeds import Feeds
from devices.read_now import ReadNow
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.plan.known_names import AWAY, Answer
from gateway.plan.model import Plan
from iocs.assemblies import Assemblies
from iocs.channels import Channels, origin
from iocs.group import Ioc
from iocs.guard import Guard
from iocs.on_demand import OnDemand
from iocs.served import Served
from iocs.store import Store
from iocs.world import Counts, Source
from tests.config.loading import loaded
from tests.iocs.serving import rules_that
from tests.plan.planning import planned
from tests.support.clock import ManualClock
from tests.support.leaks import no_leaks as no_leaks
from tests.support.scripted_backend import ScriptedBackend

pytestmark = pytest.mark.usefixtures("no_leaks")
CONFIG = (
    'backends: {a: {url: "sim:"}}\non_demand: {allow: "*", deny: "Z:SECRET*", event: "p,500", linger: 5, most: 3}\n'
)
KNOWN = {
    name: DeviceInfo(name, reading=PropertyInfo(), setting=PropertyInfo())
    for name in ("M:A", "M:B", "M:C", "M:D", "M:OUTTMP", "Z:SECRET1")
}
PATIENCE = 10.0  # s


def nobody_writes(*_: object) -> None:
    raise AssertionError("nothing is written")


def configured(clock: ManualClock) -> Assemblies:
    """The PVs of a configuration with M:OUTTMP alone."""
    plan: Plan = planned('{device: "M:OUTTMP", properties: [reading], name: "LAB:T"}')
    guard, store = Guard(rules_that(False), clock), Store(len(plan.watches))
    ioc = Ioc(
        plan, None, store, clock, guard, {}, lambda: None, lambda _: 0, nobody_writes, nobody_writes,  # type: ignore[arg-type]
        lambda _: "a", nobody_writes,  # type: ignore[arg-type]
    )  # fmt: skip
    return Assemblies(Channels(ioc))


class Nobody:
    """Circuits without a channel."""

    def in_use(self) -> list[Served]:
        return []


class Rig:
    """Names over a scripted backend and a device database under the control of a test."""

    def __init__(self) -> None:
        self.clock, self.backend = ManualClock(), ScriptedBackend("a")
        self.feeds = Feeds(self.clock)
        self.questions: list[list[str]] = []
        self.answer: Callable[[list[str]], Answer] = lambda asked: Answer({n: KNOWN[n] for n in asked if n in KNOWN})
        config = loaded(CONFIG)
        assert config.on_demand is not None
        source = Source(config, config.on_demand, lambda: self.backend, self.describe, 500, lambda one, _: one.name)
        guard = Guard(rules_that(True), self.clock)
        self.names = OnDemand(source, configured(self.clock), self.feeds, guard, ReadNow(self.clock), self.clock)

    def describe(self, devices: list[str]) -> Answer:
        self.questions.append(devices)
        return self.answer(devices)

    async def known(self, name: str) -> bool:
        """Whether a client that searches again and again gets an answer; as soon as the database was asked."""
        before = len(self.questions)
        if self.names.known(name):
            return True
        await until(lambda: len(self.questions) > before and not self.names.asking)
        return self.names.known(name)

    def channel(self, name: str) -> Served:
        found = self.names.find(name)
        assert found is not None
        return found[0]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.005)


def played(play: Callable[[Rig], Awaitable[None]]) -> None:
    """Play a scene on a loop with the names alive."""

    async def whole() -> None:
        rig = Rig()
        rig.feeds.start()
        work = asyncio.create_task(rig.names.run(Nobody()))
        try:
            await play(rig)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            assert await asyncio.to_thread(rig.feeds.stop, PATIENCE)
            rig.names.end_unused([])

    asyncio.run(whole())


def test_a_search_makes_nothing_and_a_channel_makes_one_world_for_all_names_of_a_device() -> None:
    async def play(rig: Rig) -> None:
        assert await rig.known("M:A")
        assert rig.names.known("M_A")
        assert rig.names.known("M:A.EGU")
        assert (rig.names.worlds, len(rig.backend.subscriptions)) == (0, 0)

        rig.channel("M:A")
        rig.channel("M_A")
        rig.channel("M:A.EGU")
        assert rig.names.worlds == 1
        rig.channel("M:A@p,1000")
        assert rig.names.worlds == 2

    played(play)


def test_what_policy_denies_is_not_even_asked_for() -> None:
    async def play(rig: Rig) -> None:
        assert not rig.names.known("Z:SECRET1")
        assert not rig.names.known("no device")
        assert await rig.known("M:A")
        assert rig.questions == [["M:A"]]
        assert rig.names.find("Z:SECRET1") is None

    played(play)


def test_ten_thousand_names_cost_twenty_questions_none_is_made_and_none_is_asked_for_twice() -> None:
    async def play(rig: Rig) -> None:
        nonsense = [f"Q:X{number:05d}" for number in range(10_000)]
        for name in nonsense:
            assert not rig.names.known(name)
        await until(lambda: rig.names.unknown == 10_000)
        assert [len(asked) for asked in rig.questions] == [500] * 20
        assert not any(rig.names.known(name) for name in nonsense)
        assert rig.names.find(nonsense[0]) is None
        assert await rig.known("M:A")
        assert (rig.names.worlds, rig.names.lookups) == (0, 21)

    played(play)


def test_a_device_that_is_configured_under_another_name_is_that_pv_and_is_not_made_again() -> None:
    async def play(rig: Rig) -> None:
        assert rig.names.known("M:OUTTMP")
        assert not rig.names.known("M_OUTTMP")  # its entry has no setting
        assert rig.channel("M:OUTTMP").pvname == "LAB:T"
        assert rig.names.settling("M:OUTTMP") is None
        assert (rig.names.worlds, rig.questions) == (0, [])

    played(play)


def test_creation_waits_for_the_first_reading_and_a_put_is_refused() -> None:
    async def play(rig: Rig) -> None:
        assert await rig.known("M:A@p,1000")
        settling = rig.names.settling("M:A@p,1000")
        assert settling is not None
        stream = await asyncio.to_thread(rig.backend.subscription)
        stream.value(0, 4.5, rig.clock.now_ns())
        await settling
        assert rig.names.settling("M:A@p,1000") is None
        channel = origin(rig.channel("M:A@p,1000"))
        channel.refresh()
        assert channel.held == 4.5
        assert channel.spec.writable is False
        assert rig.names.counts == Counts(updates=1)

    played(play)


def test_a_device_that_answers_nothing_is_created_all_the_same_when_patience_is_over() -> None:
    async def play(rig: Rig) -> None:
        assert await rig.known("M:A")
        settling = rig.names.settling("M:A")
        assert settling is not None
        async with asyncio.timeout(PATIENCE):
            await settling
        rig.channel("M:A")

    played(play)


def test_what_nobody_uses_lingers_and_ends_and_its_readings_stay_counted() -> None:
    async def play(rig: Rig) -> None:
        assert await rig.known("M:A@p,1000")
        used = rig.channel("M:A@p,1000")
        stream = await asyncio.to_thread(rig.backend.subscription)
        stream.value(0, 4.5, rig.clock.now_ns())
        await until(lambda: rig.names.counts.updates == 1)

        rig.clock.advance(60.0)
        rig.names.end_unused([used])
        rig.clock.advance(4.0)
        rig.names.end_unused([])
        assert rig.names.worlds == 1
        rig.clock.advance(2.0)
        rig.names.end_unused([])
        assert rig.names.worlds == 0
        await until(lambda: stream.closed)
        assert rig.names.counts.updates == 1
        assert not list(rig.names.plans)
        assert rig.names.known("M:A@p,1000")  # and comes back without a question
        assert len(rig.questions) == 1

    played(play)


def test_no_more_live_than_may_and_a_place_is_free_again_when_one_ends() -> None:
    async def play(rig: Rig) -> None:
        for name in ("M:A", "M:B", "M:C", "M:D"):
            assert await rig.known(name)
        for name in ("M:A", "M:B", "M:C"):
            rig.channel(name)
        assert not rig.names.known("M:D")
        assert rig.names.find("M:D") is None
        assert rig.names.known("M:A")
        rig.clock.advance(6.0)
        rig.names.end_unused([])
        assert rig.names.known("M:D")

    played(play)


def test_a_database_that_is_away_or_broken_costs_a_line_and_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async def play(rig: Rig) -> None:
        rig.answer = lambda _: AWAY
        assert not await rig.known("M:A")
        assert rig.names.unknown == 0

        def broken(_: list[str]) -> Answer:
            raise RuntimeError("out of order")

        rig.answer = broken
        assert not await rig.known("M:B")
        assert "could not be asked for 1 names" in caplog.text
        assert not rig.names.known("M:A")
        rig.answer = lambda asked: Answer({name: KNOWN[name] for name in asked})
        rig.clock.advance(6.0)
        assert await rig.known("M:A")
        assert await rig.known("M:B")

    with caplog.at_level(logging.ERROR):
        played(play)


def test_a_device_that_the_database_describes_without_the_property_has_no_such_pv() -> None:
    async def play(rig: Rig) -> None:
        rig.answer = lambda asked: Answer({name: replace(KNOWN["M:A"], device=name, setting=None) for name in asked})
        assert not await rig.known("M_A")
        assert rig.names.find("M_A") is None
        assert rig.names.known("M:A")

    played(play)
