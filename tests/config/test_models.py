"""The models: defaults, words and switches, routes and commands."""

import json

import pytest
from pydantic import ValidationError

from gateway.config.models import CommandSection, ConfigFile, DeviceEntry, GatewaySection, ReadWrite, json_schema


@pytest.mark.parametrize(("text", "expected"), [("on", True), ("OFF", False), (True, True), (False, False)])
def test_writes_is_on_or_off_as_yaml_readers_give_it(text: object, expected: bool) -> None:
    assert expected is GatewaySection.model_validate({"writes": text}).writes


def test_writes_are_off_by_default() -> None:
    assert GatewaySection().writes is False


def test_writes_that_are_neither_on_nor_off_are_refused() -> None:
    with pytest.raises(ValidationError, match="is on or off, not 3"):
        GatewaySection.model_validate({"writes": 3})


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
    ("section", "said"),
    [
        ({"allow": ["127.0.0.0/40"]}, "'127.0.0.0/40' is no network; write for example 127.0.0.0/8"),
        ({"interfaces": "eth0"}, "'eth0' is no IPv4 address; write for example 127.0.0.1"),
    ],
)
def test_addresses_are_checked_before_anything_runs(section: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        GatewaySection.model_validate(section)


def test_a_network_may_be_an_address_within_it() -> None:
    assert GatewaySection.model_validate({"allow": "192.0.2.7/24"}).allow == ("192.0.2.7/24",)


def test_the_pace_of_alarm_blocks_is_an_event_that_gives_a_stream() -> None:
    assert "p,500" == GatewaySection(alarm_event="p,500").alarm_event
    for text, said in (("often", "invalid event"), ("N", "no stream of readings")):
        with pytest.raises(ValidationError, match=said):
            GatewaySection(alarm_event=text)
