"""Whether a value may be set."""

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from gateway.plan.fit import beyond, misfit, taken
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
