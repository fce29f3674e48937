"""Tokens from files, the environment and commands; what is sent with them, and what is never shown."""

import logging
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.backends.jwt_tokens import (
    CommandToken,
    EnvironmentToken,
    FileToken,
    Identity,
    NoToken,
    Token,
    token_of,
    token_source,
    token_trouble,
)
from gateway.config.models import Jwt
from gateway.runtime.clock import SystemClock
from tests.support.clock import ManualClock
from tests.support.leaks import check_leaks
from tests.support.tokens import SECRET, token_for

SOON = 2_000_000_000.0


def signed(expires: float = SOON) -> str:
    return token_for(SECRET, expires)


def test_the_end_of_a_token_is_read_without_judging_it() -> None:
    assert token_of(f" {signed()}\n", "it") == Token(signed(), SOON)
    assert token_of(signed(1.0), "it").expires == 1.0
    assert token_of("opaque", "it") == Token("opaque", math.inf)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "it holds no token; it is empty"), (" \n", "empty"), ("two words", "without blanks"), ("ü", "printable")],
)
def test_a_text_that_is_no_token_is_refused_and_not_shown(text: str, said: str) -> None:
    with pytest.raises(NoToken, match=said) as refused:
        token_of(text, "it")
    assert "two words" not in str(refused.value)


def test_a_token_is_not_shown_by_its_representation() -> None:
    assert repr(token_of(signed(), "it")) == "Token(..., expires=2000000000)"


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "token"
    source = FileToken(path)
    with pytest.raises(NoToken, match=r"the token file .*token cannot be read: No such file"):
        source.current()
    path.write_text(signed(1.0))
    assert source.current().expires == 1.0
    path.write_text(signed(20.0))
    assert source.current().expires == 20.0
    replaced = tmp_path / "new"
    replaced.write_text(signed(30.0))
    os.utime(replaced, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    replaced.replace(path)  # as a renewer does it: same size, same time, another file
    assert source.current().expires == 30.0
    path.write_text("")
    with pytest.raises(NoToken, match="is empty"):
        source.current()
    path.unlink()
    with pytest.raises(NoToken, match="cannot be read"):
        source.current()
    source.close()


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token"
    path.write_text(signed())
    source = FileToken(path)
    first = source.current()
    monkeypatch.delattr(Path, "read_text")
    assert source.current() is first


def test_the_environment_is_asked_each_time() -> None:
    environment: dict[str, str] = {}
    source = EnvironmentToken("MY_TOKEN", environment.get)
    with pytest.raises(NoToken, match="the environment variable MY_TOKEN is not set"):
        source.current()
    environment["MY_TOKEN"] = signed()
    assert source.current() == Token(signed(), SOON)


def wait_for(what: Callable[[], object]) -> None:
    end = time.monotonic() + 5.0
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def script(path: Path, text: str) -> list[str]:
    path.write_text(text)
    return [sys.executable, str(path)]


def test_a_command_is_run_again_before_its_token_ends(tmp_path: Path) -> None:
    words = script(
        tmp_path / "issue.py",
        f"import sys, time, jwt\nprint(jwt.encode({{'exp': time.time() + 5}}, {SECRET!r}, 'HS256'))\n",
    )
    with check_leaks():
        source = CommandToken(words, SystemClock(), "grpc")

        def expires() -> float:
            return source.current().expires

        wait_for(lambda: source._token)
        first = expires()
        assert 0 < first - time.time() <= 5.0
        end = time.monotonic() + 10.0
        while expires() == first:
            assert time.monotonic() < end
            assert time.time() < first  # never without a good token
            time.sleep(0.05)
        source.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; sys.exit(3)", "ended with 3; run it to see why"),
        ("print('two words')", "prints holds no token"),
        ("import sys; sys.stderr.write('secret'); sys.exit(1)", "ended with 1"),
    ],
)
def test_a_command_that_fails_is_named_and_what_it_says_is_not_shown(
    text: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with check_leaks():
        source = CommandToken(script(tmp_path / "issue.py", text), SystemClock(), "grpc")
        wait_for(lambda: caplog.records)
        with pytest.raises(NoToken, match=said):
            source.current()
        source.close()
    assert "secret" not in caplog.text
    assert "two words" not in caplog.text


def test_a_command_that_is_absent_or_hangs_is_ended_with_the_backend(tmp_path: Path) -> None:
    with check_leaks():
        absent = CommandToken(["/no/such/program"], SystemClock(), "grpc")
        hanging = CommandToken(script(tmp_path / "hang.py", "import time; time.sleep(60)"), SystemClock(), "grpc")
        with pytest.raises(NoToken, match="has not ended yet"):
            hanging.current()
        wait_for(lambda: "cannot be run: No such file" in said(absent))
        begin = time.monotonic()
        absent.close()
        hanging.close()
        assert time.monotonic() - begin < 2.0


def said(source: CommandToken) -> str:
    with pytest.raises(NoToken) as error:
        source.current()
    return str(error.value)


def test_the_configuration_chooses_the_source(tmp_path: Path) -> None:
    clock = SystemClock()
    (tmp_path / "token").write_text(signed())
    assert token_source(Jwt(token_file=str(tmp_path / "token")), clock, "grpc").current().expires == SOON
    assert isinstance(token_source(Jwt(token_env="X"), clock, "grpc"), EnvironmentToken)
    with check_leaks():
        command = token_source(Jwt(token_command=("true",)), clock, "grpc")
        assert isinstance(command, CommandToken)
        command.close()


def test_what_is_wrong_with_a_token_is_found_without_contacting_anybody(tmp_path: Path) -> None:
    clock = SystemClock()
    path = tmp_path / "token"
    section = Jwt(token_file=str(path))
    assert "cannot be read" in token_trouble(section, clock)
    path.write_text(signed(time.time() - 10))
    assert token_trouble(section, clock) == "its token expired 10 s ago"
    path.write_text(signed(time.time() + 10))
    assert token_trouble(section, clock) == ""
    assert token_trouble(Jwt(token_command=("no-such-program",)), clock) == (
        "the token command no-such-program is not found"
    )


class Held:
    """A source that has what the test says."""

    def __init__(self, token: Token | None) -> None:
        self.token = token

    def current(self) -> Token:
        if self.token is None:
            raise NoToken("there is none")
        return self.token

    def close(self) -> None:
        pass


def test_an_identity_counts_down_and_then_is_nobody() -> None:
    clock = ManualClock()
    now = clock.now_ns() / 1e9
    identity = Identity(Held(Token("t", now + 60.0)), clock, "grpc")
    assert identity.expires_in() == pytest.approx(60.0)
    assert identity.for_reading() == identity.for_writing() == (("authorization", "Bearer t"),)
    clock.advance(59.0)
    assert identity.expires_in() == pytest.approx(1.0)
    clock.advance(2.0)
    assert identity.expires_in() == 0.0
    assert identity.for_reading() == ()
    with pytest.raises(NoToken, match=r"the token of backend grpc expired 1 s ago; renew it"):
        identity.for_writing()


def test_a_token_that_the_server_does_not_take_is_left_out_of_readings_until_there_is_another() -> None:
    held = Held(Token("t", math.inf))
    identity = Identity(held, ManualClock(), "grpc")
    identity.refused(identity.for_reading())
    identity.refused(())
    assert identity.for_reading() == ()
    assert identity.for_writing() == (("authorization", "Bearer t"),)
    held.token = Token("u", math.inf)
    assert identity.for_reading() == (("authorization", "Bearer u"),)
    held.token = None
    assert identity.for_reading() == ()
    assert identity.expires_in() == 0.0


def test_nobody_is_told_what_to_write_in_the_configuration() -> None:
    identity = Identity(None, ManualClock(), "grpc")
    with pytest.raises(NoToken, match=r"backend grpc has no token; write auth: \{jwt: \{token_file: FILE\}\}"):
        identity.for_writing()
    identity.close()


def test_tokens_are_never_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "token"
    path.write_text(signed())
    identity = Identity(FileToken(path), SystemClock(), "grpc")
    identity.for_writing()
    identity.refused(identity.for_reading())
    assert signed() not in caplog.text
    assert signed() not in repr(identity.__dict__)
