"""Whether a value may be set."""

from dataclasses import replace
from math import inf, isnan, nan

import numpy as np
import pytest

from gateway.plan.drive import Drive
from gateway.plan.fit import beyond, bounded, clamped, misfit, taken
from gateway.plan.model import PvSpec, PvType, Role

SPEC = PvSpec("Z:ACLTST:SP", Role.SETPOINT, PvType.DOUBLE, 1, "Z:ACLTST", 0, drive_low=-1.0, drive_high=5.0, units="mA")


def unfit(spec: PvSpec, value: object) -> str:
    return misfit(spec, value) or beyond(spec, value)


@pytest.mark.parametrize("value", [-1.0, 0.0, 5.0])
def test_a_finite_number_inside_the_limits_is_fit(value: float) -> None:
    assert "" == unfit(SPEC, value)


@pytest.mark.parametrize("value", [-1.0000001, 5.1, 1e300])
def test_a_number_outside_the_limits_is_refused_with_the_limits(value: float) -> None:
    assert "Z:ACLTST:SP takes values from -1 to 5 mA" == unfit(SPEC, value)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    assert "Z:ACLTST:SP takes finite numbers only" == unfit(SPEC, value)


def test_limits_that_are_unknown_or_infinite_do_not_bind() -> None:
    assert "" == unfit(replace(SPEC, drive_low=nan, drive_high=nan), 1e300)
    assert "" == unfit(replace(SPEC, drive_low=-inf), -1e300)
    assert "Z:ACLTST:SP takes values to 5 mA" == unfit(replace(SPEC, drive_low=nan), 6.0)
    assert "Z:ACLTST:SP takes values from -1" == unfit(replace(SPEC, drive_high=inf, units=""), -2.0)


def test_an_array_must_have_its_exact_length_and_every_element_must_be_fit() -> None:
    spec = replace(SPEC, length=3)
    assert "" == unfit(spec, np.zeros(3))
    assert "Z:ACLTST:SP takes exactly 3 values, not 2" == unfit(spec, np.zeros(2))
    assert "Z:ACLTST:SP takes exactly 3 values, not 0" == unfit(spec, np.zeros(0))
    assert "Z:ACLTST:SP takes finite numbers only" == unfit(spec, np.array([0.0, nan, 0.0]))
    assert "Z:ACLTST:SP takes values from -1 to 5 mA" == unfit(spec, np.array([0.0, 0.0, 9.0]))


def test_raw_bytes_must_have_their_exact_length() -> None:
    spec = replace(SPEC, type=PvType.BYTES, length=4)
    assert "" == unfit(spec, b"abcd")
    assert "Z:ACLTST:SP takes exactly 4 bytes, not 3" == unfit(spec, b"abc")


def test_a_text_must_have_place() -> None:
    spec = replace(SPEC, type=PvType.TEXT, length=4)
    assert "" == unfit(spec, "abcd")
    assert "Z:ACLTST:SP takes at most 4 characters, not 5" == unfit(spec, "abcde")


def test_a_whole_number_has_limits_too() -> None:
    spec = replace(SPEC, type=PvType.LONG, units="")
    assert ["", "Z:ACLTST:SP takes values from -1 to 5"] == [unfit(spec, value) for value in (3, 9)]


@pytest.mark.parametrize(("kind", "value"), [(PvType.TEXT, "x"), (PvType.ENUM, 9)])
def test_other_types_have_no_limits(kind: PvType, value: object) -> None:
    assert "" == unfit(replace(SPEC, type=kind), value)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (SPEC, "one finite number"), (replace(SPEC, length=8), "exactly 8 finite numbers"),
        (replace(SPEC, type=PvType.LONG), "one whole number"),
        (replace(SPEC, type=PvType.BYTES, length=20), "exactly 20 bytes"),
        (replace(SPEC, type=PvType.TEXT, length=256), "text of at most 256 characters"),
        (replace(SPEC, type=PvType.ENUM, labels=("ON", "OFF")), "one of ON, OFF"),
    ],
)  # fmt: skip
def test_what_a_pv_takes_is_said_in_words(spec: PvSpec, text: str) -> None:
    assert text == taken(spec)


BY_PVS = Drive(low_pv="M:LOW", high_pv="M:HIGH")


def ends_of(drive: Drive, **values: float | None) -> tuple[float, float, str]:
    spec, reason = bounded(SPEC, drive, {f"M:{name.upper()}": value for name, value in values.items()}.get)
    return spec.drive_low, spec.drive_high, reason


def test_limits_that_are_pvs_are_those_of_the_moment_and_the_others_stay() -> None:
    assert (2.0, 3.0, "") == ends_of(BY_PVS, low=2.0, high=3.0)
    assert (-1.0, 3.0, "") == ends_of(Drive(high_pv="M:HIGH"), high=3.0)
    assert (2.0, 5.0, "") == ends_of(Drive(low_pv="M:LOW"), low=2.0)
    assert (-1.0, 5.0, "") == ends_of(Drive(clamp=True))
    assert (-inf, inf, "") == ends_of(BY_PVS, low=-inf, high=inf)


def test_a_limit_without_a_valid_value_is_named_and_is_none() -> None:
    low, high, reason = ends_of(BY_PVS, low=2.0, high=None)
    assert (2.0, True) == (low, isnan(high))
    assert "Z:ACLTST:SP is limited by M:HIGH, which has no valid value now" == reason
    assert "Z:ACLTST:SP is limited by M:LOW and M:HIGH, which have no valid value now" == ends_of(BY_PVS, low=nan)[2]
    first, again = (bounded(SPEC, BY_PVS, lambda _: None)[0] for _ in range(2))
    assert first == again, "what is not known is not another thing each time"


def test_limits_that_exclude_each_other_are_said() -> None:
    assert "the limits of Z:ACLTST:SP exclude each other: from 4 to 3" == ends_of(BY_PVS, low=4.0, high=3.0)[2]


def test_a_value_beyond_a_limit_is_clamped_to_it_and_that_is_said() -> None:
    assert (5.0, "clamped from 9 to 5 mA") == clamped(SPEC, 9.0)
    assert (-1.0, "clamped from -3.5 to -1") == clamped(replace(SPEC, units=""), -3.5)
    assert (9.0, "clamped from 9 to 9 mA") == clamped(replace(SPEC, drive_low=nan, drive_high=nan), 9.0)
    values, said = clamped(replace(SPEC, length=3), np.array([-9.0, 2.0, 9.0]))
    assert ([-1.0, 2.0, 5.0], "2 of 3 values clamped to -1 or 5 mA") == (list(np.atleast_1d(values)), said)
