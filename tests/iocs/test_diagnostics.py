"""The gateway's own figures that run out: what they say, and who is told."""

from dataclasses import dataclass, field

import pytest

from gateway.core.severity import NO_ALARM, Alarm
from iocs.channel import Channel
from iocs.diagnostics import GETTING_LOW, TOO_LOW, Countdown, GatewayGroup
from iocs.fast import messages as ca
from tests.iocs.serving import Serving
from tests.plan.planning import planned


@dataclass(eq=False)
class Told:
    """A subscription that counts what it is told."""

    mask: int
    count: int = field(default=0)

    def tell(self) -> None:
        self.count += 1


class Fuel:
    """What runs out."""

    left = 5000.0


@pytest.fixture
def fuel() -> Fuel:
    return Fuel()


@pytest.fixture
def channel(fuel: Fuel) -> Channel:
    group = GatewayGroup("GW1:", {"LEFT": Countdown(lambda: fuel.left, 1200.0, 300.0)}, lambda: 10**18)
    made: Channel = group.pvdb["GW1:LEFT"]
    return made


@pytest.mark.parametrize(
    ("left", "alarm"),
    [
        (5000.0, NO_ALARM),
        (1200.0, NO_ALARM),
        (1199.0, GETTING_LOW),
        (300.0, GETTING_LOW),
        (299.0, TOO_LOW),
        (0.0, TOO_LOW),
    ],
)
def test_what_runs_out_is_minor_below_one_limit_and_major_below_the_other(
    channel: Channel, fuel: Fuel, left: float, alarm: Alarm
) -> None:
    fuel.left = left
    channel.refresh()
    assert (channel.alarm_now, channel._data["value"]) == (alarm, left)


def test_its_limits_are_those_of_the_channel(channel: Channel) -> None:
    assert [channel._data[f"lower_{kind}_limit"] for kind in ("warning", "alarm")] == [1200.0, 300.0]


def test_it_is_wrong_from_birth_where_nothing_is_left() -> None:
    group = GatewayGroup("GW1:", {"LEFT": Countdown(lambda: 0.0, 1200.0, 300.0)}, lambda: 10**18)
    assert group.pvdb["GW1:LEFT"].alarm_now == TOO_LOW


def test_who_monitors_alarms_alone_is_told_when_it_changes_and_only_then(channel: Channel, fuel: Fuel) -> None:
    told = Told(ca.DBE_ALARM)
    channel.subscribe_sink(told)
    for left, count in ((4000.0, 0), (1000.0, 1), (900.0, 1), (100.0, 2), (4000.0, 3)):
        fuel.left = left
        channel.sample()
        assert told.count == count


def test_monitors_of_who_serves_hear_of_a_switch_at_once() -> None:
    with Serving(planned("{device: 'M:OUTTMP'}")) as served, served.client() as client:
        channel = client.create("M:OUTTMP:GW:BACKEND")
        number = client.subscribe(channel, channel.data_type + 14)
        assert client.update(number).value == "a"
        served.serves = "b"
        served.on_loop(served.ioc.switched)
        assert client.update(number, timeout=0.5).value == "b"
