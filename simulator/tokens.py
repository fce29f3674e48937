"""JWT checking of the simulated services: HS256 with a secret from a file, and a role that may set (dpm-grpc.md 7)."""

from collections.abc import Callable
from enum import Enum
from pathlib import Path

import jwt

from gateway.core.errors import BadInput

ROLE = "testing"  # among realm_access.roles; the console class that the facility lets set
SHORTEST = 32  # bytes of a secret, as HS256 asks for


class Verdict(Enum):
    """What a call may do, by its token."""

    GOOD = "good"
    UNKNOWN = "no valid token"  # missing, expired or signed with another secret
    DENIED = "no role that may set"


class TokenCheck:
    """Judges the metadata of calls. `now` is Unix time in s."""

    def __init__(self, secret: bytes, now: Callable[[], float]) -> None:
        if len(secret) < SHORTEST:
            raise BadInput(f"a secret of {len(secret)} bytes is too short for HS256; write {SHORTEST} or more")
        self._secret, self._now = secret, now

    @classmethod
    def from_file(cls, path: Path, now: Callable[[], float]) -> "TokenCheck":
        """With the secret in a file; blanks around it do not count. BadInput when it cannot be used."""
        try:
            secret = path.read_bytes().strip()
        except OSError as error:
            raise BadInput(f"the secret {path} cannot be read: {error.strerror}") from None
        try:
            return cls(secret, now)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None

    def judge(self, authorization: str | None) -> Verdict:
        """By the value of the key `authorization`, None where there is none."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer":
            return Verdict.UNKNOWN
        try:
            # expiry by our own clock: the library asks the machine's
            claims = jwt.decode(token, self._secret, ["HS256"], {"verify_exp": False, "verify_aud": False})
        except jwt.InvalidTokenError:
            return Verdict.UNKNOWN
        expires = claims.get("exp")
        if not isinstance(expires, int | float) or expires <= self._now():
            return Verdict.UNKNOWN
        access = claims.get("realm_access")
        roles = access.get("roles", ()) if isinstance(access, dict) else ()
        return Verdict.GOOD if ROLE in roles else Verdict.DENIED
