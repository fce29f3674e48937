"""gateway/core/drf_events.py: events, their texts, and how long a silence is normal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.drf_events import DEFAULT, IMMEDIATE, NEVER, parse_event, periodic
from gateway.core.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "milliseconds", "normal"),
    [
        ("1000", 1000, "1S"),
        ("1000M", 1000, "1S"),
        ("1500", 1500, "1500"),
        ("2s", 2000, "2S"),
        ("500000U", 500, "500"),
        ("499U", 0, "499U"),
        ("500U", 1, "500U"),
        ("60H", 17, "60H"),
        ("15H", 67, "15H"),
        ("1000H", 1, "1K"),
        ("1K", 1, "1K"),
        ("2K", 1, "2K"),
        ("3K", 0, "3K"),
        ("0K", 0, "0"),
        ("000", 0, "0"),
        ("2147483647", 2147483647, "2147483647"),
    ],
)
def test_times_are_rounded_to_milliseconds_and_reduced_in_the_normal_form(
    text: str, milliseconds: int, normal: str
) -> None:
    event = parse_event(f"P,{text}")
    assert milliseconds == event.period_ms
    assert f"P,{normal},TRUE" == event.normal


@pytest.mark.parametrize(
    ("text", "sent", "normal"),
    [
        ("u", "", "U"),
        ("i", "I", "I"),
        ("n", "N", "N"),
        ("P", "P,1000,TRUE", "P,1S,TRUE"),
        ("q,1s,f", "Q,1000,FALSE", "Q,1S,FALSE"),
        ("p,100,true", "P,100,TRUE", "P,100,TRUE"),
        ("e,0f", "E,F,E,0", "E,F,E,0"),
        ("E,002,h", "E,2,H,0", "E,2,H,0"),
        ("E,1D,S,1S", "E,1D,S,1000", "E,1D,S,1S"),
        ("S,V:PING,013,1s,>=", "S,V:PING,13,1000,>=", "S,V:PING,13,1S,>="),
        ("s,a,b,1,0,*", "S,a,b,1,0,*", "S,a,b,1,0,*"),
    ],
)
def test_an_event_has_a_text_to_send_and_a_normal_form(text: str, sent: str, normal: str) -> None:
    event = parse_event(text)
    assert sent == event.sent()
    assert normal == event.normal
    if sent:
        assert normal == parse_event(sent).normal


def test_the_text_of_an_event_stays_as_written_but_for_the_plain_ones() -> None:
    assert [parse_event(text).text for text in ("p,1000", "u", "i", "n")] == ["p,1000", "U", "I", "N"]
    assert (parse_event("I"), parse_event("N"), parse_event("U")) == (IMMEDIATE, NEVER, DEFAULT)
    assert DEFAULT.normal == ""


@pytest.mark.parametrize(
    "text",
    ["", " I", "X", "I,1", "UX", "P1000", "P,", "P,1000,", "P,1000,YES", "P,1000,TRUE,X", "P,1.5S", "P,2147483648",
     "E", "EX", "E,", "E,0G", "E,0F,X", "E,0F,100", "E,0F,,1", "E,0F,H,", "E,0F,H,1,2", "S", "SX", "S,V:X", "S,,1,0,*",
     "S,V:X,-1,0,=", "S,V:X,1,,=", "S,V X,1,0,=", "S,V:X,1,0,==", "\u017f,1", "P,\u0661", "I\n", "E," + "F" * 600],
)  # fmt: skip
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_event(text, f"M:X@{text}", 4)
    assert (refusal.value.part, refusal.value.position) == ("event", 4)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=20), st.text("UINPQESHKM,0123456789=<>!*TRUEFALSE", max_size=20)))
def test_any_text_is_an_event_or_is_refused(text: str) -> None:
    try:
        event = parse_event(text)
    except BadRequest:
        return
    assert event == parse_event(event.text)
    assert event.normal == parse_event(event.normal).normal


def test_a_silence_of_three_periods_is_normal_but_never_less_than_a_second() -> None:
    assert parse_event("P,1000").silence_s() == 3.0
    assert parse_event("Q,15H").silence_s() == 1.0
    assert parse_event("P,0").silence_s() == 1.0
    assert parse_event("P,10S").silence_s() == 30.0


@pytest.mark.parametrize("text", ["U", "I", "N", "E,0F", "S,V:X,1,0,*"])
def test_of_other_events_nobody_knows_how_long_they_are_silent(text: str) -> None:
    assert parse_event(text).silence_s() is None


def test_only_immediate_and_never_do_not_repeat() -> None:
    texts = ["U", "I", "N", "P", "Q", "E,0", "S,V:X,1,0,*"]
    assert [text for text in texts if not parse_event(text).repeats] == ["I", "N"]


def test_periodic_makes_the_event_of_a_period() -> None:
    assert parse_event("P,500,TRUE") == periodic(500)
    assert parse_event("Q,500,FALSE") == periodic(500, immediate=False, mode="Q")
