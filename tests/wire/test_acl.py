import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.drf import DataRequest
from gateway.core.drf_events import DEFAULT
from gateway.core.errors import BadInput, BadRequest
from gateway.wire.acl import Kind, commands_for, query_of, refusal, script_of, split_script
from tests.core.vectors import vectors
from tests.wire.acl_vectors import wire_of


@pytest.mark.parametrize("vector", vectors("acl", "requests"), ids=lambda vector: "+".join(vector["drf"]))
def test_a_data_request_becomes_the_query_of_the_vectors(vector: dict) -> None:
    requests = [DataRequest.parse(drf) for drf in vector["drf"]]
    if vector.get("refused"):
        with pytest.raises(BadInput, match="ACL"):
            commands_for(requests[0])
        return
    commands = [command.text for request in requests for command in commands_for(request)]
    if len(vector["query"]) > 1:
        assert [query_of([command]) for command in commands] == vector["query"]
    else:
        assert [query_of(commands)] == vector["query"]


@pytest.mark.parametrize("vector", vectors("acl", "decoding"), ids=lambda vector: vector["wire"])
def test_a_query_is_decoded_as_the_vectors_say(vector: dict) -> None:
    assert script_of(vector["wire"]) == vector["script"]


@pytest.mark.parametrize("vector", vectors("acl", "vectors"), ids=lambda vector: vector["name"])
def test_what_we_ask_is_what_the_vectors_ask(vector: dict) -> None:
    if vector["drf"] is not None:
        requests = [DataRequest.parse(drf) for drf in vector["drf"]]
        assert query_of([c.text for request in requests for c in commands_for(request)]) == vector["request"]


@pytest.mark.parametrize(
    ("drf", "commands"),
    [
        ("Z|ACLTST.BIT_VALUE", ["read Z:ACLTST.STATUS.RAW/raw"]),
        ("N@H801", ["read N:H801.ANALOG.RAW/raw", "read N:H801.ANALOG.MIN", "read N:H801.ANALOG.MAX"]),
        ("N$H801", ["read N:H801.DIGITAL.RAW/raw"]),
        ("N$H801.ALARM_ENABLE", ["read N:H801.DIGITAL.RAW/raw"]),
        ("I:STAIRS[3:5].RAW", ["read I:STAIRS[3:5].RAW/raw"]),
        ("#:27235", ["read 0:27235"]),
        ("M:OUTTMP<-LIVEDATA", ["read M:OUTTMP"]),
        ("M:OUTTMP@s,M:STATE,3,10,=", ["read/pendwait M:OUTTMP.READING/event='s,M:STATE,3,10,='"]),
        (
            "Z|ACLTST@e,02",
            ["read/pendwait Z:ACLTST.STATUS.ON/event='e,02'", "read Z:ACLTST.STATUS.READY",
             "read Z:ACLTST.STATUS.REMOTE", "read Z:ACLTST.STATUS.POSITIVE", "read Z:ACLTST.STATUS.RAMP"],
        ),
    ],
)  # fmt: skip
def test_structures_are_read_part_by_part(drf: str, commands: list[str]) -> None:
    assert [command.text for command in commands_for(DataRequest.parse(drf))] == commands


def test_numbers_can_be_asked_for_without_units() -> None:
    texts = [
        commands_for(DataRequest.parse(drf), units=False)[0].text for drf in ("M:OUTTMP", "M_OUTTMP.RAW", "M~OUTTMP")
    ]
    assert texts == ["read/no_units M:OUTTMP", "read/no_units M:OUTTMP.SETTING.RAW/raw", "read M:OUTTMP.DESCRIPTION"]


def test_a_command_knows_how_its_answer_is_understood() -> None:
    kinds = [commands_for(DataRequest.parse(drf))[0].kind for drf in ("M:OUTTMP", "M:OUTTMP.RAW", "M~X12", "M|X12.ON")]
    assert kinds == [Kind.NUMBER, Kind.RAW, Kind.TEXT, Kind.BOOLEAN]
    several = [commands_for(DataRequest.parse(f"M:X{span}"))[0].several for span in ("", "[3]", "[0:3]", "[]", "{0:4}")]
    assert several == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("drf", "said"),
    [
        ("some.thing.else", "is no ACNET device name"),
        ("M:OUTTMP<-LOGGER:1:2", "live data only; leave out '<-LOGGER:1:2'"),
        ("M:OUTTMP<-FTP", "live data only"),
        ("M:OUTTMP@p,1000", "no periodic events; leave out '@p,1000'"),
        ("M:OUTTMP@s,M:X'/;set,3,0,*", "characters that ACL could take as syntax"),
        ("M:OUTTMP@s,M:X&acl=x,3,0,*", "characters that ACL could take as syntax"),
        ("M|OUTTMP.TEXT", "STATUS.TEXT as words that cannot be told apart"),
        ("N@H801.TEXT", "ANALOG.TEXT as words"),
        ("M:OUTTMP.BIT_STATUS", "cannot be told apart"),
    ],
)
def test_what_acl_cannot_be_asked_is_refused_with_the_reason(drf: str, said: str) -> None:
    request = DataRequest.parse(drf)
    assert said in (refusal(request) or "")
    with pytest.raises(BadInput, match=re.escape(said)):
        commands_for(request)


def test_a_request_that_was_not_parsed_cannot_smuggle_syntax_in_either() -> None:
    good = DataRequest.parse("M:OUTTMP")
    for device in ("M:X\\;set M:X 1", "M:X\nset M:X 1", "M:X&acl=set", "M:X%3B"):
        forged = DataRequest(device, good.property, None, good.field, DEFAULT)
        with pytest.raises(BadInput, match="characters that ACL could take as syntax"):
            commands_for(forged)


HOSTILE = st.text(st.sampled_from("MZ:_|&@$~^#!.[]{},'\";\\ \n%+=-*<>09AZseEpP/")) | st.text()


@given(HOSTILE)
def test_a_text_that_is_a_request_becomes_whole_reads_and_nothing_else(text: str) -> None:
    try:
        commands = commands_for(DataRequest.parse(text))
    except (BadInput, BadRequest):
        return
    query = query_of([command.text for command in commands])
    script = script_of(wire_of(query))
    assert script == [command.text for command in commands]
    for command in script:
        assert re.fullmatch(r"read(/pendwait)? \S+", command)
        assert split_script(command) == [command]
    assert not re.search(r"[&#\s]|%(?!20|22|27)", wire_of(query))


@given(HOSTILE)
def test_any_wire_text_is_a_list_of_commands(text: str) -> None:
    for command in script_of(text):
        assert command == command.strip() != ""


@pytest.mark.parametrize("command", ["read M&X", "read M#X", "a;b", "a\\;b", "a%b", "1+2", "a\nb", "é"])
def test_what_the_url_cannot_carry_is_not_sent(command: str) -> None:
    with pytest.raises(BadInput, match="cannot be sent to the CGI"):
        query_of([command])
