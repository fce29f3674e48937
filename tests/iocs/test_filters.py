"""Channel filters: which are understood, as a C IOC understands them, and what each lets pass."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from iocs.fast.dbr import Shown
from iocs.filters import BadFilter, Filter, parse_filters

NOW = 1_700_000_000_250_000_000  # ns
STATES = {"red": False}


def state_of(name: str) -> Callable[[], bool] | None:
    return (lambda: STATES[name]) if name in STATES else None


def parsed(text: str) -> list[Filter]:
    return parse_filters(text, lambda: NOW, state_of)


def array(*values: float) -> Shown:
    return Shown(6, np.array(values))


def sent(text: str, *values: float) -> list[float]:
    """The values of these that a monitor is sent."""
    (one,) = parsed(text)
    told = [one.event(array(value)) for value in values]
    return [float(shown.values[0]) for shown in told if shown is not None]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("[0:1]", [1, 2]), ("[1:2]", [2, 3]), ("[0:0:1]", [1, 2]), ("[-2:]", [3, 4]), ("[1]", [2]), ("[-1]", [4]),
        ("[5:6]", []), ("[2:1]", []), ("[::2]", [1, 2, 3]), ("[:2]", [1, 2, 3]), ("[:]", [1, 2, 3, 4]),
        ("[0:2:-1]", [1, 3]), ("[:-3]", [1, 2]), ("[-9:1]", [1, 2]),
        ('{"arr":{"s":1,"e":2}}', [2, 3]), ('{"arr":{"i":0}}', [1, 2, 3, 4]), ('{"arr":{"i":-1}}', [1, 2, 3, 4]),
        ('{"arr":{"i":3}}', [1, 4]), ('{"arr":{}}', [1, 2, 3, 4]), ('{"arr":{"s":1},"arr":{"s":1}}', [3, 4]),
        ('[1:3]{"arr":{"e":0}}', [2]),
    ],
)  # fmt: skip
def test_a_part_of_an_array_is_counted_from_either_end(text: str, kept: list[float]) -> None:
    shown = array(1, 2, 3, 4)
    for one in parsed(text):
        shown = one.read(shown)
    assert kept == list(shown.values)


def test_a_part_of_a_scalar_is_the_scalar() -> None:
    (one,) = parsed("[1:2]")
    assert [7.0] == list(one.read(array(7)).values)


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ('{"dbnd":{"abs":1.5}}', [0, 2, 4]), ('{"dbnd":{}}', [0, 1, 2, 3.5, 4]),
        ('{"dbnd":{"abs":-1}}', [0, 1, 1, 2, 3.5, 4]),
        ('{"dbnd":{"d":3,"m":"abs"}}', [0, 3.5]), ('{"dbnd":{"d":60,"m":"rel"}}', [0, 1, 2, 3.5]),
        ('{"dbnd":{"rel":60}}', [0, 1, 2, 3.5]),
    ],
)  # fmt: skip
def test_a_deadband_is_from_the_last_value_that_was_sent(text: str, passed: list[float]) -> None:
    assert passed == sent(text, 0, 1, 1, 2, 3.5, 4)


def test_a_deadband_leaves_gets_texts_and_arrays_alone() -> None:
    (one,) = parsed('{"dbnd":{"abs":5}}')
    for shown in (array(1, 2), array(1, 2), Shown(0, [b"a"]), Shown(0, [b"a"])):
        assert shown is one.event(shown)
    assert array(1) == one.read(array(1))


def test_a_deadband_lets_what_is_not_finite_pass_when_it_comes_and_goes() -> None:
    nan, inf = float("nan"), float("inf")
    told = sent('{"dbnd":{"abs":5}}', 1, nan, nan, 1, inf, inf, -inf)
    assert [1, nan, 1, inf, -inf] == pytest.approx(told, nan_ok=True)


def test_a_stamp_is_that_of_the_gateway() -> None:
    (one,) = parsed('{"ts":{}}')
    shown = one.event(array(1))
    assert shown is not None
    assert (1_700_000_000 - 631_152_000, 250_000_000) == (shown.seconds, shown.nanoseconds)


@pytest.mark.parametrize(
    ("mode", "passed"),
    [("while", [3, 4]), ("unless", [1, 2, 5, 6]), ("before", [2]), ("first", [3]), ("last", [4]), ("after", [5])],
)
def test_synchronisation_is_by_the_state_when_there_is_news(mode: str, passed: list[float]) -> None:
    (one,) = parsed(json.dumps({"sync": {"m": mode, "s": "red"}}))
    told = []
    for value in (1, 2, 3, 4, 5, 6):
        STATES["red"] = value in (3, 4)
        told.append(one.event(array(value)))
    STATES["red"] = False
    assert passed == [float(shown.values[0]) for shown in told if shown is not None]
    assert array(9) == one.read(array(9))


@pytest.mark.parametrize(
    "text",
    [
        "[]", "[a]", "[0.5:1]", "[0:1:2:3]", "[ 0 : 1 ]", "[-]", "[0:1", "[1234567890]", "[0:1][0:0]", '{"ts":{}}[1:2]',
        "{", "[[" * 100, "1", '"x"', '{"nope":{}}', '{"ts":1}', '{"ts":{"x":1}}', '{"arr":{"s":"x"}}',
        '{"arr":{"q":1}}',
        '{"arr":{"s":1.5}}', '{"arr":{"s":true}}', '{"arr":{"s":1e3}}', '{"arr":[1]}', '{"dbnd":{"d":1,"m":"x"}}',
        '{"dbnd":{"d":"x"}}', '{"dbnd":{"abs":NaN}}', '{"dbnd":{"abs":null}}', '{"sync":{}}',
        '{"sync":{"m":"while","s":"blue"}}',
        '{"sync":{"m":"never","s":"red"}}', '{"sync":{"m":"while"}}', '{"sync":{"m":"while","s":"red","x":"y"}}',
        '{"sync":{"m":"while","s":7}}', '{"dbnd":{"abs":1}', '{"a":' * 3000,
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(BadFilter):
        parsed(text)


@settings(deadline=None)
@given(some.text(alphabet='[]{}":,-0123456789arsdbntym.e ', max_size=40))
def test_any_text_is_filters_or_refused(text: str) -> None:
    try:
        filters = parsed(text)
    except BadFilter:
        return
    for shown in (array(), array(1), array(1, 2, 3), Shown(0, [b"a"])):
        for one in filters:
            one.read(shown)
            one.event(shown)
