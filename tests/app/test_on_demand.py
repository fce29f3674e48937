"""Who is asked whether a device exists, and who serves what is made for it."""

import logging
from collections.abc import Mapping, Sequence

import pytest

from gateway.app.on_demand import AT_ONCE, AT_ONCE_OF_BACKEND, NOBODY, source_of
from gateway.backends.route import RouteBackend
from gateway.backends.route_stream import Failover
from gateway.config.config import Config
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.ports import ANYTHING, Backend
from gateway.core.status import DISCONNECTED
from gateway.core.values import Reading
from gateway.plan.known_names import AWAY, Answer
from iocs.world import Source
from tests.app.test_metadata import INFOS, Rig
from tests.config.loading import loaded
from tests.support.clock import ManualClock
from tests.support.scripted_backend import ScriptedBackend

BACKENDS = 'backends: {a: {url: "sim:"}, b: {url: "sim:"}}\n'


class Describing(ScriptedBackend):
    """A backend that can tell which devices exist, and may be taught."""

    def __init__(self, name: str, *known: str) -> None:
        super().__init__(name)
        self.known, self.asked, self.learnt = known, list[str](), dict[str, DeviceInfo]()

    def describe(
        self,
        devices: Sequence[str],
        timeout: float,  # noqa: ARG002 - the port's
        only: Mapping[str, frozenset[Property]] = ANYTHING,  # noqa: ARG002 - the port's
    ) -> dict[str, DeviceInfo]:
        self.asked += devices
        return {name: DeviceInfo(name, reading=PropertyInfo()) for name in devices if name in self.known}

    def learn(self, infos: Mapping[str, DeviceInfo]) -> None:
        self.learnt |= infos


def configured(choice: str) -> Config:
    return loaded(f"{BACKENDS}on_demand: {{allow: '*', backend: {choice}}}\n")


def source(choice: str, *backends: Backend, metadata: bool = False) -> Source:
    made = {one.name: one for one in backends}
    clock = ManualClock()
    found = source_of(configured(choice), made, Rig().metadata if metadata else None, clock, Failover(grace=0.0))
    assert found is not None
    return found


def test_without_on_demand_there_is_no_source() -> None:
    assert source_of(loaded(BACKENDS), {}, None, ManualClock(), Failover()) is None


def test_the_device_database_is_asked_where_there_is_one_and_backends_are_taught_what_it_says() -> None:
    backend = Describing("a", "M:X")
    found = source("a", backend, metadata=True)

    answer = found.describe(["M:X", "Q:NONE"])

    assert answer == Answer({"M:X": INFOS["M:X"]})
    assert (backend.asked, backend.learnt) == ([], answer.found)
    assert found.at_once == AT_ONCE


def test_without_a_database_the_backends_of_the_choice_are_asked_in_turn_for_what_is_left() -> None:
    first, second = Describing("a", "M:A"), Describing("b", "M:B")
    found = source("[a, b]", first, second)

    answer = found.describe(["M:A", "M:B", "Q:NONE"])

    assert set(answer.found) == {"M:A", "M:B"}
    assert answer.complete
    assert (first.asked, second.asked) == (["M:A", "M:B", "Q:NONE"], ["M:B", "Q:NONE"])
    assert found.at_once == AT_ONCE_OF_BACKEND


def test_where_no_backend_says_anything_nobody_is_said_not_to_exist() -> None:
    assert source("a", Describing("a")).describe(["M:A"]) == AWAY


def test_where_nobody_can_tell_the_log_says_what_to_add(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert source_of(configured("a"), {"a": ScriptedBackend("a")}, None, ManualClock(), Failover()) is None
    assert [NOBODY] == [record.getMessage() for record in caplog.records]


def test_one_backend_serves_by_itself() -> None:
    backend = Describing("a")
    found = source("a", backend)

    assert found.reader() is backend
    assert found.serving(backend, DataRequest.parse("M:A")) == "a"


def test_of_several_backends_every_world_has_a_choice_of_its_own_and_the_second_helps_out() -> None:
    first, second = Describing("a"), Describing("b")
    request = DataRequest.parse("M:A@p,1000")
    first.on_read = lambda one: Reading(one, None, 0, DISCONNECTED)
    second.held = {"M:A": 7.0}
    found = source("[a, b]", first, second)

    one, other = found.reader(), found.reader()

    assert isinstance(one, RouteBackend)
    assert one is not other
    assert one.name == "a+b"
    stream = one.watch([request])
    assert found.serving(one, request) == "a"
    assert [7.0] == [reading.value for reading in one.read([request], 1.0)]
    stream.close()
