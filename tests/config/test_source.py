"""Configuration text: YAML, CSV and the environment as data, each key with its place."""

import pytest

from gateway.config.problems import Places
from gateway.config.source import override, read_csv, read_yaml, scalar
from gateway.core.errors import BadConfig


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("False", False), ("on", "on"), ("NO", "NO"),
        ("12", 12), ("-3", -3), ("0x1F", 31), ("010", "010"), ("1:30", "1:30"), ("2024-01-01", "2024-01-01"),
        ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("1.", 1.0), ("e,0f", "e,0f"), ("-0x10", -16),
    ],
)  # fmt: skip
def test_an_unquoted_word_means(text: str, expected: object) -> None:
    assert expected == scalar(text)
    assert type(expected) is type(scalar(text))


def test_yaml_becomes_data_with_the_line_of_every_key() -> None:
    places = Places("f")

    data = read_yaml("a:\n  b: [1, x]\n  c: '1'\non: {}\n", "f", places)

    assert data == {"a": {"b": [1, "x"], "c": "1"}, "on": {}}
    assert places.of(("a", "c")) == ("f", 3)
    assert places.of(("a", "b", 1)) == ("f", 2)
    assert places.of(("on",)) == ("f", 4)


def test_an_empty_document_is_nothing() -> None:
    assert read_yaml("# only a comment\n", "f", Places("f")) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "f:2: is no YAML"),
        ("a: 1\n---\nb: 2\n", "f:2: is no YAML"),
        ("a: \x01", "f: is no YAML"),
        ("a: 1\nb: 2\na: 3\n", "f:3: a: stands twice, first in line 1"),
        ("[a]: 1", "f:1: a key is a word"),
        ("a: &x\n  b: *x\n", "f:1: a.b: contains itself"),
    ],
)
def test_yaml_that_cannot_be_read_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(BadConfig) as caught:
        read_yaml(text, "f", Places("f"))

    assert said in str(caught.value)


def test_the_environment_overrides_scalars_and_makes_sections() -> None:
    data: dict[str, object] = {"gateway": {"name": "A"}, "backends": {"dpm": {"url": "x"}}, "list": [{"event": "p"}, 2]}
    places = Places("f")

    environ = {
        "ACGATE__GATEWAY__NAME": "B",
        "ACGATE__GATEWAY__BUFFER": "5",
        "ACGATE__BACKENDS__DPM__URL": "sim:",
        "ACGATE__NEW__PART__KEY": "v",
        "ACGATE__LIST__0__EVENT": "e,0f",
        "ACGATE__LIST__1": "3",
        "HOME": "x",
    }
    override(data, environ, places)

    assert data == {
        "gateway": {"name": "B", "buffer": 5},
        "backends": {"dpm": {"url": "sim:"}},
        "list": [{"event": "e,0f"}, 3],
        "new": {"part": {"key": "v"}},
    }
    assert places.of(("gateway", "name")) == ("environment variable ACGATE__GATEWAY__NAME", 0)


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("ACGATE__LIST__2", "is no index; the list has 1 entries"),
        ("ACGATE__LIST__X__Y", "is no index"),
        ("ACGATE__WORD__KEY", "there is nothing below"),
        ("ACGATE__", "write ACGATE__SECTION__KEY"),
    ],
)
def test_an_override_that_leads_nowhere_is_refused(variable: str, said: str) -> None:
    with pytest.raises(BadConfig) as caught:
        override({"list": [1], "word": "w"}, {variable: "1"}, Places("f"))

    assert variable in str(caught.value)
    assert said in str(caught.value)


VALID = {"device", "event", "confirm.timeout", "confirm.tolerance"}


def test_csv_gives_line_and_data_of_each_row() -> None:
    text = '# hello\n\ndevice, event,confirm.timeout,confirm.tolerance\nM:A,"p,100",2,\n,,,\nM:B\n'

    assert list(read_csv(text, "f", VALID)) == [
        (4, {"device": "M:A", "event": "p,100", "confirm": {"timeout": "2"}}),
        (6, {"device": "M:B"}),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("devise\nM:A\n", "f:1: devise: unknown column; did you mean 'device'?"),
        ("device,device\n", "f:1: device: the column stands twice"),
        ("device,event\nM:A,p,100\n", "f:2: has 3 cells and the header 2; quote cells that hold commas"),
        ('device\n"M:A"x\n', "f:2: is no CSV"),
    ],
)
def test_csv_that_cannot_be_read_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(BadConfig) as caught:
        list(read_csv(text, "f", VALID))

    assert said in str(caught.value)
