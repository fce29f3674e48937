"""The section of the gateway itself."""

import pytest
from pydantic import ValidationError

from gateway.config.gateway_section import GatewaySection


@pytest.mark.parametrize(("text", "expected"), [("on", True), ("OFF", False), (True, True), (False, False)])
def test_writes_is_on_or_off_as_yaml_readers_give_it(text: object, expected: bool) -> None:
    assert expected is GatewaySection.model_validate({"writes": text}).writes


def test_writes_are_off_by_default() -> None:
    assert GatewaySection().writes is False


def test_writes_that_are_neither_on_nor_off_are_refused() -> None:
    with pytest.raises(ValidationError, match="is on or off, not 3"):
        GatewaySection.model_validate({"writes": 3})


def test_the_pace_of_alarm_blocks_is_an_event_that_gives_a_stream() -> None:
    assert "p,500" == GatewaySection(alarm_event="p,500").alarm_event
    for text, said in (("often", "invalid event"), ("N", "no stream of readings")):
        with pytest.raises(ValidationError, match=said):
            GatewaySection(alarm_event=text)


def test_what_is_limited_has_defaults_that_are_safe_and_roomy() -> None:
    limits = GatewaySection().limits
    assert (2000, 500, 10_000) == (limits.puts_per_client, limits.puts_per_pv, limits.puts_total)
    assert (1000, 200) == (limits.circuits, limits.circuits_per_address)
    assert (500, 100_000) == (limits.circuits_per_second, limits.searches_per_second)
    assert (10_000, 2000) == (limits.puts_waiting, limits.puts_waiting_per_client)
    assert (300_000, 300_000) == (limits.channels_per_address, limits.monitors_per_address)
    assert (60_000, 60_000, 0) == (limits.channels, limits.monitors, limits.message)


def test_a_journal_needs_a_place_and_its_copy_a_file() -> None:
    with pytest.raises(ValidationError, match="names no place; write file, or url, or both"):
        GatewaySection.model_validate({"audit": {"required": "on"}})
    with pytest.raises(ValidationError, match="caputlog sends a copy of what is in the file; write file, too"):
        GatewaySection.model_validate({"audit": {"url": "sqlite:///puts.db", "caputlog": "127.0.0.1:7011"}})
    assert GatewaySection.model_validate({"audit": {"file": "puts.jsonl"}}).audit.required is False
