import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.drf import DataRequest
from gateway.wire import acl_lines as lines
from gateway.wire.acl import Command, Kind, commands_for
from gateway.wire.acl_answers import Answer, Failure, answer_in, error_in
from tests.core.vectors import vectors

SAID = {line for vector in vectors("acl", "vectors") for line in vector["response"].splitlines()}


@pytest.mark.parametrize(
    "line",
    [
        lines.value_line("M:OUTTMP", 12.34, "DegF"),
        lines.value_line("G:AMANDA", 66.0),
        lines.alarm_line("Z:ACLTST", "MAX", 50.0, "blip"),
        lines.alarm_line("Z:ACLTST", "MIN", -4.007, "DegF"),
        lines.text_line("M:OUTTMP", "Outdoor temperature (F)"),
        lines.attribute_line("N:LGXS", "ON", False),
        lines.attribute_line("N:LGXS", "RAMP", False),
        lines.raw_line("M:OUTTMP", bytes.fromhex("9f2c"), [2]),
        lines.raw_line("Z:ACLTST", bytes.fromhex("f0420000"), [4]),
        lines.unknown_device("Z:NOTFND", 1),
        lines.no_attribute("Z:ACLTST", 1),
        lines.second_name("G:AMANDA", 1),
        lines.read_failed("M:OUTTMP", "DPM_PEND", 1),
        lines.bare(lines.value_line("M:OUTTMP", 12.68)),
    ],
)
def test_a_line_is_written_as_it_was_recorded(line: str) -> None:
    assert line in SAID


def test_a_page_ends_each_line() -> None:
    assert lines.page(["a", "b"]) == "a\nb\n"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_written_is_read_to_six_digits(value: float) -> None:
    answer = answer_in(lines.value_line("M:OUTTMP", value, "degF"), Command("read M:OUTTMP", "M:OUTTMP"))
    assert isinstance(answer, Answer)
    assert (answer.value, answer.units) == (float(f"{value:.6g}"), "degF")


@given(st.lists(st.integers(-99999, 99999).map(float), min_size=2, max_size=50))
def test_arrays_are_written_and_read(values: list[float]) -> None:
    (command,) = commands_for(DataRequest.parse("B:IRMS06[]"))
    answer = answer_in(lines.value_line("B:IRMS06[]", np.array(values), "mm"), command)
    assert isinstance(answer, Answer)
    assert isinstance(answer.value, np.ndarray)
    assert answer.value.tolist() == values


@given(st.lists(st.integers(1, 4), min_size=1, max_size=9), st.data())
def test_raw_bytes_are_written_and_read(widths: list[int], data: st.DataObject) -> None:
    octets = data.draw(st.binary(min_size=sum(widths), max_size=sum(widths)))
    answer = answer_in(lines.raw_line("M:OUTTMP", octets, widths), Command("", "M:OUTTMP", Kind.RAW))
    assert isinstance(answer, Answer)
    assert answer.value == octets


@pytest.mark.parametrize("error", [lines.not_understood("fly", 2), lines.not_permitted("set Z:ACLTST 1", 1)])
def test_errors_are_understood_as_errors(error: str) -> None:
    assert isinstance(error_in(error), Failure)
