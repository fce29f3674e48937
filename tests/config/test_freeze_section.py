"""The section `freeze`: what is taken, and what is refused with place and remedy."""

import pytest

from gateway.config.problems import ConfigErrors
from tests.config.loading import loaded

HEAD = 'backends: {a: {url: "sim:"}}\ndevices: [{device: "M:OUTTMP"}]\nfreeze:\n'


def test_a_freeze_has_a_window_and_a_place() -> None:
    (freeze,) = loaded(HEAD + "  trip: {devices: M:*, when: M:OUTTMP > 60}\n").freezes
    assert ("trip", ("M:*",), 10.0, 2.0, 4) == (
        freeze.name, freeze.section.devices, freeze.section.before, freeze.section.after, freeze.line,
    )  # fmt: skip
    assert ("M:OUTTMP > 60", None) == (freeze.section.when, freeze.section.event)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  a trip: {devices: M:*}", "its name is 1 to 20 letters, digits, '_' and '-'"),
        ("  trip: {before: 3}", "freeze.trip.devices"),
        ("  trip: {devices: M:*, when: M:OUTTMP}", "'M:OUTTMP' is no condition"),
        ("  trip: {devices: M:*, event: 'x,1'}", "freeze.trip.event"),
        ("  trip: {devices: M:*, event: 'e,0f', when: A > 1}", "has both 'when' and 'event'"),
        ("  trip: {devices: M:*, after: -1}", "freeze.trip.after"),
    ],
)
def test_what_cannot_be_is_said(text: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as error:
        loaded(f"{HEAD}{text}\n")
    assert said in str(error.value)
