"""JSON Web Tokens of one backend: from a file, the environment or a command, read anew when they change, never logged.

The server judges a token (dpm-grpc.md 7); here only its end is read, so that an expired one is not sent.
"""

import logging
import math
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import jwt

from gateway.config.models import Jwt
from gateway.core.errors import AcgateError
from gateway.core.ports import Clock
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken, SupervisedWorker

_log = logging.getLogger(__name__)
_LONGEST = 65536  # bytes of a token
_COMMAND_TIME = 20.0  # s that a command may take
_SLICE = 0.1  # s between two looks whether it is done
_EARLY = 60.0  # s before the end of a token at which the command is run again; a fifth of its life if that is less
_AGAIN = 300.0  # s until it is run again for a token that does not say when it ends

Metadata = tuple[tuple[str, str], ...]
_BEARER = "Bearer "


class NoToken(AcgateError):
    """There is no token that could be sent; the text is one sentence that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is sent."""

    text: str
    expires: float  # Unix, s; infinite when it does not say

    def __repr__(self) -> str:
        return f"Token(..., expires={self.expires:.0f})"


def token_of(text: str, place: str) -> Token:
    """The token in a text; NoToken when it holds none. `place` says where it came from."""
    text = text.strip()
    if not text:
        raise NoToken(f"{place} holds no token; it is empty")
    if len(text) > _LONGEST or not all("!" <= character <= "~" for character in text):
        raise NoToken(f"{place} holds no token; a token is one line of printable characters without blanks")
    try:
        expires = jwt.decode(text, options={"verify_signature": False}).get("exp")
    except jwt.PyJWTError:  # a server may take tokens of another kind
        expires = None
    return Token(text, float(expires) if isinstance(expires, int | float) else math.inf)


class TokenSource(Protocol):
    """Where tokens come from. Thread-safe."""

    def current(self) -> Token:
        """The newest, expired or not; NoToken says why there is none. Never waits."""
        ...

    def close(self) -> None:
        """End what runs. Safe to call twice."""
        ...


class FileToken:
    """The token in a file, read again when the file changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._token: Token | None = None
        self._lock = threading.Lock()

    def current(self) -> Token:
        """See `TokenSource`."""
        with self._lock:
            try:
                found = self._path.stat()
                seen = (found.st_mtime_ns, found.st_size, found.st_ino)
                if self._token is None or seen != self._seen:
                    self._token = None
                    self._token = token_of(self._path.read_text("utf-8", "replace"), f"the token file {self._path}")
                    self._seen = seen
            except OSError as error:
                self._token = None
                raise NoToken(f"the token file {self._path} cannot be read: {error.strerror}") from None
            return self._token

    def close(self) -> None:
        """Nothing runs."""


class EnvironmentToken:
    """The token in a variable of the environment."""

    def __init__(self, variable: str, environment: Callable[[str], str | None] = os.environ.get) -> None:
        self._variable, self._environment = variable, environment

    def current(self) -> Token:
        """See `TokenSource`."""
        text = self._environment(self._variable)
        if text is None:
            raise NoToken(f"the environment variable {self._variable} is not set; put a token in it")
        return token_of(text, f"the environment variable {self._variable}")

    def close(self) -> None:
        """Nothing runs."""


class CommandToken:
    """The token that a command prints. It is run at the beginning and before each end, by a worker of its own."""

    def __init__(self, words: Sequence[str], clock: Clock, name: str) -> None:
        self._words, self._clock, self._name = tuple(words), clock, name
        self._token: Token | None = None
        self._error = f"the token command {words[0]} has not ended yet"
        self._failures = 0
        self._worker = SupervisedWorker(f"{name}-token", self._run)
        self._worker.start()

    def current(self) -> Token:
        """See `TokenSource`."""
        token = self._token
        if token is None:
            raise NoToken(self._error)
        return token

    def close(self) -> None:
        """End the command, if it runs, and the worker."""
        self._worker.stop(2.0)

    def _run(self, stop: StopToken) -> None:
        wait = 0.0
        while not stop.wait(wait):
            try:
                token = token_of(self._printed(stop), f"what the token command {self._words[0]} prints")
            except NoToken as error:
                if self._failures == 0:
                    _log.warning("%s: %s", self._name, error)
                self._error = str(error)
                wait = Backoff(first=1.0).delay(self._failures, 0.5)
                self._failures += 1
            else:
                self._failures, self._token = 0, token
                wait = self._until_next(token)

    def _until_next(self, token: Token) -> float:
        left = token.expires - self._clock.now_ns() / 1e9
        return _AGAIN if math.isinf(left) else max(1.0, min(left - min(_EARLY, left / 5), threading.TIMEOUT_MAX))

    def _printed(self, stop: StopToken) -> str:
        """What the command prints; NoToken when it fails or takes too long. What it says about errors is not shown."""
        command = self._words[0]
        try:
            process = subprocess.Popen(
                self._words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise NoToken(f"the token command {command} cannot be run: {error.strerror}") from None
        with process:
            end = self._clock.monotonic() + _COMMAND_TIME
            while True:
                try:
                    printed, _ = process.communicate(timeout=_SLICE)
                    break
                except subprocess.TimeoutExpired:
                    if stop.stopped() or self._clock.monotonic() >= end:
                        process.kill()
                        process.communicate()
                        raise NoToken(f"the token command {command} did not end in {_COMMAND_TIME:g} s") from None
        if process.returncode:
            raise NoToken(f"the token command {command} ended with {process.returncode}; run it to see why")
        return printed.decode("utf-8", "replace")


def token_source(section: Jwt, clock: Clock, name: str) -> TokenSource:
    """That of a backend, by its configuration."""
    if section.token_file is not None:
        return FileToken(Path(section.token_file))
    if section.token_env is not None:
        return EnvironmentToken(section.token_env)
    assert section.token_command is not None  # one of the three is there
    return CommandToken(section.token_command, clock, name)


def token_trouble(section: Jwt, clock: Clock) -> str:
    """Why there is no good token now, empty when there is one; a command is looked for, and not run."""
    if section.token_command is not None:
        command = section.token_command[0]
        return "" if shutil.which(command) else f"the token command {command} is not found"
    try:
        token = token_source(section, clock, "").current()
    except NoToken as error:
        return str(error)
    ago = clock.now_ns() / 1e9 - token.expires
    return f"its token expired {ago:.0f} s ago" if ago >= 0 else ""


class Identity:
    """Who a backend is to its server, as metadata of calls."""

    def __init__(self, source: TokenSource | None, clock: Clock, name: str) -> None:
        self._source, self._clock, self._name = source, clock, name
        self._refused = Token("", 0.0)  # what the server did not take for reading; a Token does not show itself

    def for_reading(self) -> Metadata:
        """The token while it is good; nobody otherwise: reading needs none."""
        try:
            token = self._good()
        except NoToken:
            return ()
        return () if token.text == self._refused.text else _metadata(token)

    def for_writing(self) -> Metadata:
        """The token; NoToken when there is none or it has expired."""
        return _metadata(self._good())

    def refused(self, metadata: Metadata) -> None:
        """The server does not let this identity read: read as nobody until there is another token."""
        if metadata:
            self._refused = Token(metadata[0][1].removeprefix(_BEARER), 0.0)

    def expires_in(self) -> float:
        """Seconds that the token is still good; 0 when there is none."""
        try:
            return max(0.0, self._good().expires - self._clock.now_ns() / 1e9)
        except NoToken:
            return 0.0

    def close(self) -> None:
        """End what runs."""
        if self._source is not None:
            self._source.close()

    def _good(self) -> Token:
        if self._source is None:
            raise NoToken(f"backend {self._name} has no token; write auth: {{jwt: {{token_file: FILE}}}}")
        token = self._source.current()
        ago = self._clock.now_ns() / 1e9 - token.expires
        if ago >= 0:
            raise NoToken(f"the token of backend {self._name} expired {ago:.0f} s ago; renew it, it is then read again")
        return token


def _metadata(token: Token) -> Metadata:
    return (("authorization", f"{_BEARER}{token.text}"),)
