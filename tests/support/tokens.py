"""Tokens as an issuer makes them, by PyJWT."""

import jwt

from simulator.tokens import ROLE

SECRET = b"a secret of at least 64 bytes, so that the makers of tokens are content"


def token_for(secret: bytes, expires: float, *roles: str) -> str:
    """A signed token until a Unix time; by default of somebody who may set."""
    claims = {"sub": "operator", "exp": expires, "realm_access": {"roles": list(roles or (ROLE,))}}
    return jwt.encode(claims, secret, "HS256")
