"""Problems of a configuration: the nearest valid word, the place, one sentence each."""

import pytest
from pydantic import ValidationError

from gateway.config.models import ConfigFile, DeviceEntry
from gateway.config.problems import ConfigErrors, Places, dotted, problems_of, raise_all, suggestion
from gateway.core.errors import BadConfig, BadInput


def said(model: type[ConfigFile | DeviceEntry], data: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    return [str(problem) for problem in problems_of(caught.value, model, Places("f"))]


def test_the_nearest_word_is_suggested_whatever_its_case() -> None:
    assert suggestion("Writeable", ["writable", "event"]) == "did you mean 'writable'?"


def test_without_a_near_word_all_are_named() -> None:
    assert suggestion("zzz", ["b", "a"]) == "valid are a, b"
    assert suggestion("zzz", []) == "there is none"


def test_a_path_is_written_as_people_write_it() -> None:
    assert dotted(("devices", 2, "confirm", "timeout")) == "devices[2].confirm.timeout"


def test_a_place_that_is_not_known_is_that_of_its_parent() -> None:
    places = Places("f")
    assert places.of(("a", "b")) == ("f", 0)
    places.note((), "f", 1)
    places.note(("a",), "g", 7)

    assert places.of(("a", "b")) == ("g", 7)
    assert places.of(("c",)) == ("f", 1)
    assert str(places.problem(("a", "b"), "is wrong")) == "g:7: a.b: is wrong"
    assert str(places.problem(("a", "b"), "is wrong", "k")) == "g:7: k: is wrong"


def test_many_problems_are_one_error_with_a_line_each() -> None:
    raise_all([])
    with pytest.raises(ConfigErrors) as caught:
        raise_all([BadConfig("f", 1, "k", "is wrong"), BadConfig("f", 2, "", "also")])

    assert str(caught.value) == "f:1: k: is wrong\nf:2: also"
    assert isinstance(caught.value, BadInput)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"device": "M:X", "writeable": 1}, ["f: writeable: unknown key; did you mean 'writable'?"]),
        ({}, ["f: device: is required and absent"]),
        ({"device": None}, ["f: device: should be a valid string, not nothing"]),
        ({"device": "M:X", "confirm": []}, ["f: confirm: should be a mapping of keys, not a list"]),
        ({"device": "M:X", "writable": "x"}, ["f: writable: should be true or false, not 'x'"]),
        ({"device": "M:X", "write_timeout": "x"}, ["f: write_timeout: should be a valid number, not 'x'"]),
        (
            {"device": "M:X", "name": "a b"},
            ["f: name: is 1 to 60 letters, digits and signs of ASCII, without spaces, not 'a b'"],
        ),
        ({"device": ["M:X"]}, ["f: device: should be a valid string, not a list"]),
        ({"device": "M:X", "properties": []}, ["f: properties: needs at least one entry"]),
        ({"device": {1}}, ["f: device: should be a valid string, not this"]),
        ({"device": "M:X", "bits": 3}, ["f: bits: should be a list, not 3"]),
        (
            {"device": "M:X", "confirm": {"tolerance": 1, "timout": 2}},
            ["f: confirm.timout: unknown key; did you mean 'timeout'?"],
        ),
        (
            {"device": "M:X", "backend": {"read": "a", "write": "b", "wrte": "c"}},
            ["f: backend.wrte: unknown key; did you mean 'write'?"],
        ),
        (
            {"device": "M:X", "bits": [{"name": "A", "mask": {}}]},
            ["f: bits[0].mask: should be a valid integer, not a mapping"],
        ),
        (
            {"device": "M:X", "bits": [{"name": "A", "mask": 1, "mach": 1}]},
            ["f: bits[0].mach: unknown key; did you mean 'match'?"],
        ),
    ],
)
def test_what_pydantic_finds_becomes_a_sentence(data: object, expected: list[str]) -> None:
    assert expected == said(DeviceEntry, data)


def test_an_unknown_key_below_a_name_is_compared_with_the_keys_of_its_own_section() -> None:
    problems = said(ConfigFile, {"backends": {"dpm": {"url": "sim:", "atuh": {}}}})

    assert problems == ["f: backends.dpm.atuh: unknown key; did you mean 'auth'?"]


def test_what_a_validator_of_ours_says_stands_as_it_is() -> None:
    problems = said(ConfigFile, {"backends": {"dpm": {"url": "sim:"}}, "gateway": {"writes": "maybe"}})

    assert problems == ["f: gateway.writes: is on or off, not 'maybe'"]


def test_a_text_among_credentials_is_not_shown_since_it_may_be_one() -> None:
    problems = said(ConfigFile, {"backends": {"grpc": {"url": "dpm+grpc://h", "auth": {"jwt": "eyJ.secret"}}}})

    assert problems == ["f: backends.grpc.auth.jwt: should be a mapping of keys, not a text"]
