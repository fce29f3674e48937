import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.drf import DataRequest
from gateway.core.status import RETRY
from gateway.wire.acl import Command, Kind, commands_for
from gateway.wire.acl_answers import Answer, Failure, answer_in, answers_of, lines_of, text_of
from tests.core.vectors import vectors
from tests.wire.acl_vectors import commands_of, expected

OUTTMP = Command("read M:OUTTMP", "M:OUTTMP")
NOT_PLAIN = ("known_units", "fallback")
MALFORMED = [vector for vector in vectors("acl", "malformed") if vector["http_status"] == 200]  # else: test_acl_http.py


def answers(text: str, commands: list[Command]) -> list[Answer | Failure]:
    """The answers, one by one where they are not answered together, as a reader does (acl.md 4.2)."""
    found = answers_of(text, commands)
    return [found] * len(commands) if isinstance(found, Failure) else found


@pytest.mark.parametrize(
    "vector", [v for v in vectors("acl", "vectors") if not set(v) & set(NOT_PLAIN)], ids=lambda vector: vector["name"]
)
def test_an_answer_is_what_the_vectors_say(vector: dict) -> None:
    found = answers(vector["response"], commands_of(vector))
    assert len(found) == len(vector["results"])
    assert all(expected(result, answer) for result, answer in zip(vector["results"], found, strict=True)), found


@pytest.mark.parametrize(
    "vector", [v for v in vectors("acl", "vectors") if "known_units" in v], ids=lambda v: v["name"]
)
def test_units_that_are_known_are_stripped_first(vector: dict) -> None:
    answer = answer_in(vector["response"].strip(), commands_of(vector)[0], vector["known_units"])
    assert expected(vector["results"][0], answer)


@pytest.mark.parametrize("vector", MALFORMED, ids=lambda vector: vector["name"])
def test_malformed_answers_end_as_the_vectors_say(vector: dict) -> None:
    commands = commands_of(vector)
    if "fallback" in vector:
        assert isinstance(answers_of(vector["response"], commands), Failure)
        found = [answers(text, [command])[0] for text, command in zip(vector["fallback"], commands, strict=True)]
    else:
        found = answers(vector["response"], commands)
    assert all(expected(result, answer) for result, answer in zip(vector["results"], found, strict=True)), found


def test_a_long_array_may_go_on_in_the_next_lines() -> None:
    text = "B:IRMS06[0:5]  =  1  2\n  3  4\n  5  6 mm\nG:AMANDA = 7\n"
    assert lines_of(text) == ["B:IRMS06[0:5]  =  1  2 3  4 5  6 mm", "G:AMANDA = 7"]


def test_a_range_of_several_elements_with_one_number_is_an_array_of_one() -> None:
    (command,) = commands_for(DataRequest.parse("B:IRMS06[0:3]"))
    answer = answer_in("B:IRMS06[0:3] = 4.5 mm", command)
    assert isinstance(answer, Answer)
    assert (getattr(answer.value, "tolist", list)(), answer.units) == ([4.5], "mm")


def test_a_number_beyond_all_bounds_is_no_number() -> None:
    answer = answer_in("M:OUTTMP = 1e999 V", OUTTMP)
    assert isinstance(answer, Answer)
    assert answer.value == "1e999 V"


def test_units_that_are_said_to_be_known_and_are_not_there_change_nothing() -> None:
    answer = answer_in("M:OUTTMP = 1 of 2", OUTTMP, "of 2 V")
    other = answer_in("M:OUTTMP = one mm", OUTTMP, "mm")
    assert [found.value for found in (answer, other) if isinstance(found, Answer)] == ["1 of 2", "one mm"]


@pytest.mark.parametrize("subject", ["M:OUTTMP", "M_OUTTMP", "m:outtmp.SETTING", "M:OUTTMP[0:3]", "M:OUTTMP{0:4} is"])
def test_the_subject_may_name_the_device_in_each_of_its_forms(subject: str) -> None:
    assert isinstance(answer_in(f"{subject} = 1", OUTTMP), Answer)


@pytest.mark.parametrize("line", ["G:AMANDA = 1", "M:OUTTMPX = 1", "= 1", "   = 1", "M = 1"])
def test_a_line_about_something_else_is_not_taken(line: str) -> None:
    answer = answer_in(line, OUTTMP)
    assert isinstance(answer, Failure)
    assert answer.message.startswith("unexpected answer")


def test_who_asks_by_number_is_answered_by_name() -> None:
    assert isinstance(answer_in("M:OUTTMP = 1", Command("read 0:27235", "#:27235")), Answer)


def test_a_mismatched_line_spoils_the_script_and_a_single_read_alone() -> None:
    two = [OUTTMP, Command("read G:AMANDA", "G:AMANDA")]
    assert isinstance(answers_of("M:OUTTMP = 1\nZ:OTHER = 2\n", two), Failure)
    (alone,) = answers("Z:OTHER = 2\n", [OUTTMP])
    assert isinstance(alone, Failure)


@pytest.mark.parametrize("text", ["", "<html>", "one\ntwo\nthree"])
def test_what_is_no_answer_to_a_script_is_one_failure(text: str) -> None:
    failure = answers_of(text, [OUTTMP, OUTTMP])
    assert isinstance(failure, Failure)
    assert failure.status == RETRY


def test_bytes_are_utf8_or_else_latin1() -> None:
    assert (text_of("°C".encode()), text_of("°C".encode("latin-1"))) == ("°C", "°C")


KINDS = st.sampled_from(list(Kind))
TEXT = st.text() | st.text(st.sampled_from("M:OUTP=- !<_AB09.eE+\n\r\t[]x"), max_size=60)


@given(TEXT, KINDS, st.booleans(), st.integers(1, 3), st.sampled_from(["", "db (low)"]))
def test_any_text_is_an_answer_or_a_failure(text: str, kind: Kind, several: bool, count: int, units: str) -> None:
    command = Command("read M:OUTTMP", "M:OUTTMP", kind, several)
    found = answers_of(text, [command] * count)
    assert isinstance(found, Failure) or len(found) == count
    for line in lines_of(text):
        assert isinstance(answer_in(line, command, units), Answer | Failure)


@given(st.binary())
def test_any_body_is_a_text(body: bytes) -> None:
    assert isinstance(text_of(body), str)
