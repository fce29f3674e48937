"""Limits that are PVs: one that cannot be had is none, and the gateway goes on."""

import logging

import pytest

from gateway.app.drive_limits import DriveLimits
from gateway.app.inputs import Inputs
from iocs.environment import ClientSettings
from iocs.links import Links
from tests.iocs.serving import Serving
from tests.plan.planning import planned
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
ENTRY = '{device: "Z:ACLTST", writable: true, properties: [reading, setting], drive: {high: "Z:ACLTST"}}'


class Own:
    """PVs of this gateway, of which one may break."""

    def __init__(self) -> None:
        self.value: float | None = 5.0
        self.broken = False

    def known(self, name: str) -> bool:
        return bool(name)

    def value_of(self, name: str) -> float | None:
        if self.broken:
            raise RuntimeError(name)
        return self.value


def limits_of(served: Serving, own: Own) -> DriveLimits:
    links = Links(ClientSettings(()), lambda: None)
    return DriveLimits(Inputs(own, links), lambda: [served.channels])


def test_what_is_shown_is_that_of_the_last_look_and_what_holds_is_that_of_the_moment() -> None:
    own = Own()
    with Serving(planned(ENTRY)) as served:
        limits = limits_of(served, own)
        assert limits.shown("Z:ACLTST") is None
        served.on_loop(limits.look)
        own.value = 6.0
        assert (5.0, 6.0) == (limits.shown("Z:ACLTST"), limits.value_of("Z:ACLTST"))
        served.on_loop(limits.look)
        assert {"Z:ACLTST": 6.0} == limits.values


def test_a_limit_that_breaks_has_no_value_and_is_logged_once_until_it_can_be_had_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = Own()
    with Serving(planned(ENTRY)) as served, caplog.at_level(logging.ERROR, "acgate.limits"):
        limits = limits_of(served, own)
        for broken, logged in ((True, 1), (True, 1), (False, 1), (True, 2)):
            own.broken = broken
            assert (None if broken else 5.0) == limits.value_of("Z:ACLTST")
            assert logged == len(caplog.records)


def test_a_device_that_is_gone_limits_nothing() -> None:
    with Serving(planned(ENTRY)) as served:
        limits = limits_of(served, Own())
        served.on_loop(limits.look)
        served.on_loop(lambda: served.channels.retire({"Z:ACLTST"}))
        served.on_loop(limits.look)
        assert {} == limits.values


def test_a_setpoint_that_is_its_own_limit_is_made(caplog: pytest.LogCaptureFixture) -> None:
    with Serving(planned(ENTRY)) as served, served.client() as client:
        limits = DriveLimits(
            Inputs(served.channels, Links(ClientSettings(()), lambda: None)), lambda: [served.channels]
        )
        served.guard.limit_of, served.guard.limit_shown = limits.value_of, limits.shown
        served.bring((0, 7.0), (1, 1.0))
        served.settle()
        served.on_loop(limits.look)
        served.on_loop(limits.look)
        assert 7.0 == client.get_control(client.create("Z:ACLTST:SP")).control[1]
        assert [] == caplog.records
