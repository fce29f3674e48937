"""Tokens made by PyJWT, judged by the simulated service (dpm-grpc.md 7)."""

from pathlib import Path

import jwt
import pytest

from gateway.core.errors import BadInput
from simulator.tokens import ROLE, TokenCheck, Verdict

SECRET = b"a secret of at least 64 bytes, so that the makers of tokens are content"
NOW = 1_800_000_000.0


def token(secret: bytes = SECRET, algorithm: str = "HS256", **claims: object) -> str:
    given = {"sub": "operator", "exp": NOW + 60, "realm_access": {"roles": ["user", ROLE]}, **claims}
    return jwt.encode({key: value for key, value in given.items() if value is not None}, secret, algorithm)


def judge(authorization: str | None) -> Verdict:
    return TokenCheck(SECRET, lambda: NOW).judge(authorization)


def test_a_token_with_the_right_role_is_good() -> None:
    assert judge(f"Bearer {token()}") is Verdict.GOOD
    assert judge(f"Bearer {token(aud='dpm')}") is Verdict.GOOD


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        token(),
        f"Basic {token()}",
        f"bearer {token()}",
        "Bearer ",
        "Bearer a.b.c",
        f"Bearer {token(exp=NOW - 1)}",
        f"Bearer {token(exp=NOW)}",
        f"Bearer {token(exp=None)}",
        f"Bearer {token(secret=b'another secret of at least 32 bytes')}",
        f"Bearer {token(algorithm='HS512')}",
        f"Bearer {jwt.encode({'exp': NOW + 60, 'realm_access': {'roles': [ROLE]}}, None, 'none')}",
    ],
)
def test_a_token_that_is_missing_expired_or_not_signed_with_the_secret_is_none(authorization: str | None) -> None:
    assert judge(authorization) is Verdict.UNKNOWN


@pytest.mark.parametrize("access", [None, {}, {"roles": []}, {"roles": ["user"]}, "testing", {"roles": "nothing"}])
def test_a_token_without_the_role_is_denied(access: object) -> None:
    assert judge(f"Bearer {token(realm_access=access)}") is Verdict.DENIED


def test_the_secret_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(SECRET + b"\n")
    assert TokenCheck.from_file(path, lambda: NOW).judge(f"Bearer {token()}") is Verdict.GOOD


def test_a_secret_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"the secret .*absent cannot be read: No such file"):
        TokenCheck.from_file(tmp_path / "absent", lambda: NOW)
    (tmp_path / "short").write_bytes(b"short")
    with pytest.raises(BadInput, match=r"short: a secret of 5 bytes is too short for HS256; write 32 or more"):
        TokenCheck.from_file(tmp_path / "short", lambda: NOW)
