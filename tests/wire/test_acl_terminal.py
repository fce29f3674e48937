import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import BadInput, ProtocolError
from gateway.wire.acl_terminal import LONGEST, PROMPT, AclInterpreterEnd, AclTerminal
from tests.core.vectors import vectors


def started(banner: bytes = b"") -> AclTerminal:
    terminal = AclTerminal()
    assert terminal.receive(banner + PROMPT) is not None
    return terminal


def delivered(chunks: list[bytes], command: str) -> str | None:
    terminal = started()
    assert terminal.send(command) == command.encode() + b"\n"
    *before, last = chunks
    assert [terminal.receive(chunk) for chunk in before] == [None] * len(before)
    return terminal.receive(last)


@pytest.mark.parametrize("vector", vectors("acl", "ssh_session"), ids=lambda vector: vector["name"])
def test_an_answer_is_what_the_vectors_say_in_every_delivery(vector: dict) -> None:
    chunks = [chunk.encode("latin-1") for chunk in vector["received"]]
    whole = b"".join(chunks)
    for pieces in (chunks, [whole], [bytes([byte]) for byte in whole]):
        assert delivered(pieces, vector["command"]) == vector["result"]


def test_a_banner_may_come_before_the_first_prompt() -> None:
    terminal = AclTerminal()
    assert not terminal.ready
    assert terminal.receive(b"Welcome\nto ACL\n") is None
    assert terminal.receive(PROMPT) == "Welcome\nto ACL"
    assert terminal.ready


def test_a_prompt_may_be_the_first_that_comes() -> None:
    assert AclTerminal().receive(PROMPT[1:]) == ""


def test_without_an_echo_the_output_is_whole() -> None:
    assert delivered([b"M:OUTTMP = 1\n" + PROMPT], "read M:OUTTMP") == "M:OUTTMP = 1"


@pytest.mark.parametrize("command", ["read A\nread B", "a\rb", "a\x00b", "é", "\x1b[A"])
def test_a_command_is_one_line(command: str) -> None:
    with pytest.raises(BadInput, match="not one line"):
        started().send(command)


def test_a_command_waits_for_the_prompt() -> None:
    terminal = started()
    terminal.send("read A")
    with pytest.raises(ProtocolError, match="has not prompted"):
        terminal.send("read B")


def test_what_was_not_asked_for_ends_the_session() -> None:
    with pytest.raises(ProtocolError, match="without being asked"):
        started().receive(b"late\n")
    terminal = started()
    terminal.send("read A")
    with pytest.raises(ProtocolError, match="after its prompt"):
        terminal.receive(b"read A\n" + PROMPT + b"late")


def test_output_without_end_ends_the_session() -> None:
    terminal = started()
    terminal.send("read A")
    with pytest.raises(ProtocolError, match="16 MB"):
        terminal.receive(b"x" * (LONGEST + 1))


def test_both_ends_understand_each_other() -> None:
    near, far = AclTerminal(), AclInterpreterEnd("Welcome")
    assert near.receive(far.greeting()) == "Welcome"
    sent = near.send("read M:OUTTMP")
    assert [far.receive(sent[:4]), far.receive(sent[4:])] == [[], ["read M:OUTTMP"]]
    assert (
        near.receive(far.answer("read M:OUTTMP", "M:OUTTMP       =  72.500 DegF\n")) == "M:OUTTMP       =  72.500 DegF"
    )
    near.send("value = M:OUTTMP")
    assert near.receive(far.answer("value = M:OUTTMP", "")) == ""


def test_the_far_end_writes_what_was_recorded() -> None:
    recorded = vectors("acl", "ssh_session")[0]
    far = AclInterpreterEnd()
    assert far.answer(recorded["command"], recorded["result"]) == "".join(recorded["received"]).encode()
    assert far.greeting() == PROMPT


@given(st.lists(st.binary(max_size=40) | st.sampled_from([PROMPT, b"\nACL", b"> "]), max_size=8))
def test_any_bytes_are_output_or_the_documented_error(chunks: list[bytes]) -> None:
    terminal, far = started(), AclInterpreterEnd()
    terminal.send("read A")
    for chunk in chunks:
        assert all(isinstance(line, str) for line in far.receive(chunk))
        try:
            found = terminal.receive(chunk)
        except ProtocolError:
            return
        assert found is None or isinstance(found, str)
