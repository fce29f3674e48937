"""The models: defaults, words and switches, routes and commands."""

import json

import pytest
from pydantic import ValidationError

from gateway.config.gateway_section import GatewaySection
from gateway.config.models import CommandSection, ConfigFile, DeviceEntry, Jwt, ReadWrite, json_schema


def test_lists_may_be_words_divided_by_commas_or_spaces() -> None:
    entry = DeviceEntry.model_validate({"device": "M:X", "properties": "reading, setting"})

    assert entry.properties == ("reading", "setting")
    assert GatewaySection.model_validate({"interfaces": "127.0.0.1 192.0.2.1"}).interfaces == ("127.0.0.1", "192.0.2.1")
    assert GatewaySection.model_validate({"interfaces": ["0.0.0.0"]}).interfaces == ("0.0.0.0",)


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("a", ("a",)),
        ("a, b", ("a", "b")),
        (["a", "b"], ("a", "b")),
        ({"read": "a", "write": ["b", "c"]}, ReadWrite(read=("a",), write=("b", "c"))),
    ],
)
def test_a_route_is_a_name_a_list_or_one_for_reading_and_one_for_writing(backend: object, expected: object) -> None:
    assert expected == DeviceEntry.model_validate({"device": "M:X", "backend": backend}).backend


def test_commands_are_conventional_names_or_codes_with_names() -> None:
    entry = DeviceEntry.model_validate({"device": "M:X", "commands": ["on", {"code": 12, "name": "Purge"}]})

    assert entry.commands == ("ON", CommandSection(code=12, name="Purge"))


def test_an_unknown_command_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValidationError, match="'RESTE' is no conventional command; did you mean 'RESET'"):
        DeviceEntry.model_validate({"device": "M:X", "commands": ["RESTE"]})


def test_a_url_is_checked_where_it_is_written() -> None:
    with pytest.raises(ValidationError, match="unknown scheme 'dpn'"):
        ConfigFile.model_validate({"backends": {"a": {"url": "dpn://h"}}})


def test_the_schema_is_json_and_names_every_key_of_a_device() -> None:
    schema = json.loads(json.dumps(json_schema()))

    assert set(schema["$defs"]["DeviceEntry"]["properties"]) == set(DeviceEntry.model_fields)
    assert schema["title"] == "acgate configuration"


@pytest.mark.parametrize(
    "places", [{}, {"token_file": "f", "token_env": "E"}, {"token_env": ""}, {"token_command": []}]
)
def test_a_token_has_one_place(places: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"one of token_file, token_env and token_command|at least 1"):
        Jwt.model_validate(places)
    assert Jwt.model_validate({"token_command": "oidc-token prod"}).token_command == ("oidc-token", "prod")


@pytest.mark.parametrize("place", ["token_file", "token_env"])
def test_a_token_in_the_place_of_a_name_is_refused(place: str) -> None:
    with pytest.raises(ValidationError, match="is a token itself; write the name of what holds it"):
        Jwt.model_validate({place: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"})
    assert Jwt.model_validate({place: "eyJ.token"})


def test_the_first_readback_comes_before_the_time_is_over() -> None:
    with pytest.raises(ValidationError, match="delay 2 leaves no time before timeout 2; make it shorter"):
        DeviceEntry.model_validate({"device": "M:X", "confirm": {"tolerance": 1, "delay": 2}})
