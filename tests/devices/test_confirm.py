import math

import numpy as np
import pytest

from devices.confirm import EFFECTS, has_effect, near, verdict
from gateway.config.commands import COMMANDS
from gateway.core.blocks import BasicStatus
from gateway.core.values import SettingValue, Value
from gateway.core.write_state import WriteEvent


@pytest.mark.parametrize(
    ("wished", "readback", "tolerance"),
    [
        (1.0, 1.0, 0.0),
        (0.2, 0.3, 0.1),
        (np.array([1.0, 2.0]), np.array([1.05, 1.95]), 0.1),
        (1.0, np.array([1.0]), 0.0),
        ("on", "on", 0.0),
        (b"\1\2", b"\1\2", 0.0),
        (("a", "b"), ("a", "b"), 0.0),
    ],
)
def test_near_enough(wished: SettingValue, readback: Value, tolerance: float) -> None:
    assert near(wished, readback, tolerance)


@pytest.mark.parametrize(
    ("wished", "readback"),
    [
        (1.0, 1.2),
        (1.0, None),
        (1.0, "1.0"),
        (float("nan"), float("nan")),
        (float("inf"), 1.0),
        (1.0, float("inf")),
        (1.0, float("nan")),
        (np.array([1.0, 2.0]), np.array([1.0, 2.2])),
        (np.array([1.0, 2.0]), np.array([1.0])),
        (np.array([1.0, 2.0]), 1.0),
        ("on", "off"),
        ("on", b"on"),
        (b"\1", 1.0),
    ],
)
def test_not_near_enough(wished: SettingValue, readback: Value | None) -> None:
    assert not near(wished, readback, 0.1)


def test_a_readback_verifies_or_asks_for_another_until_the_time_is_over() -> None:
    assert verdict(True, 0.1, 2.0) is WriteEvent.READBACK_NEAR
    assert verdict(True, 9.0, 2.0) is WriteEvent.READBACK_NEAR
    assert verdict(False, 1.9, 2.0) is None
    assert verdict(False, 2.0, 2.0) is WriteEvent.READBACK_FAR


def test_every_conventional_command_has_an_effect_that_status_shows() -> None:
    assert set(EFFECTS) == set(COMMANDS)
    assert has_effect("ON", BasicStatus(on=True))
    assert not has_effect("OFF", BasicStatus(on=True))
    assert has_effect("NEGATIVE", BasicStatus(positive=False))
    assert has_effect("RESET", BasicStatus(ready=True))


@pytest.mark.parametrize("status", [None, 1.0, BasicStatus(), BasicStatus(ready=True)])
def test_what_does_not_show_the_effect_confirms_nothing(status: Value | None) -> None:
    assert not has_effect("ON", status)
    assert not has_effect("OFF", status)


@pytest.mark.parametrize(
    ("wished", "readback", "close"),
    [
        (100.0, 101.0, True),
        (-100.0, -101.1, False),
        (0.0, 0.1, True),
        (0.0, 0.2, False),
        (np.array([100.0, 1.0]), np.array([100.9, 1.1]), True),
        (np.array([100.0, 1.0]), np.array([100.9, 1.2]), False),
        (math.inf, 1.0, False),
    ],
)
def test_a_fraction_of_the_setting_is_near_enough_where_it_is_wider(
    wished: SettingValue, readback: Value, close: bool
) -> None:
    assert close is near(wished, readback, 0.1, 0.01)
