"""A Kerberos ticket from a keytab or a cache, and contexts that are made with it. Needs the extra `kerberos`.

Where credentials are is handed to GSS-API with each call, so the environment of the process is never changed.
"""

import itertools
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import gssapi

from gateway.backends.kerberos_errors import said_plainly
from gateway.backends.kerberos_port import KerberosError
from gateway.config.models import Kerberos
from gateway.core.errors import ProtocolError
from gateway.core.ports import Clock
from gateway.wire.keytab import keytab_principals

_FLAGS = (  # no mutual authentication: the token of the first step completes the context (dpm-http.md 11, dmq.md 4.1)
    gssapi.RequirementFlag.integrity
    | gssapi.RequirementFlag.replay_detection
    | gssapi.RequirementFlag.out_of_sequence_detection
)
NOTHING: Mapping[bytes | str, bytes | str] = MappingProxyType({})
_KERBEROS = gssapi.MechType.kerberos
_caches = itertools.count()  # every ticket of a keytab has a cache of its own, in the memory of the process


def principal_name(text: str) -> gssapi.Name:
    """A Kerberos principal; the realm is that of krb5.conf where the text has none."""
    return gssapi.Name(text, gssapi.NameType.kerberos_principal)


def principals_of(keytab: str) -> list[str]:
    """The principals of a keytab file; KerberosError says why it cannot be used."""
    path = Path(keytab.removeprefix("FILE:"))
    try:
        found = keytab_principals(path.read_bytes())
    except OSError as error:
        raise KerberosError(f"the keytab {path} cannot be read: {error.strerror}") from None
    except ProtocolError as error:
        raise KerberosError(f"the keytab {path} cannot be used: {error}") from None
    if not found:
        raise KerberosError(f"the keytab {path} is empty; make it anew (ktadd)")
    return found


def keytab_principal(section: Kerberos, keytab: str) -> str:
    """Whose ticket a keytab is for: the configured principal, or else its first; KerberosError when it is not there."""
    found = principals_of(keytab)
    if section.principal is None:
        return found[0]
    with said_plainly(section.principal, keytab):
        wanted = str(principal_name(section.principal).canonicalize(_KERBEROS))
    if wanted not in found:
        raise KerberosError(f"the keytab {keytab} has no key of {wanted}; it has {', '.join(found)}")
    return wanted


@dataclass(slots=True, eq=False)
class Ticket:
    """What was obtained: GSS-API's handle, whose it is, and how long it is good."""

    credentials: gssapi.Credentials
    principal: str
    where: str  # for people
    expires_ns: int  # Unix time
    lifetime: float  # s from when it was looked at
    store: Mapping[bytes | str, bytes | str]  # where it is, for others that speak to GSS-API
    services: set[str] = field(default_factory=set)  # those whose own tickets were obtained with it


def trouble(section: Kerberos, clock: Clock) -> str:
    """Why there can be no ticket, as far as files tell; empty when there may be one. Contacts nobody."""
    keytab = section.keytab or os.environ.get("KRB5_CLIENT_KTNAME")  # the latter fills caches by itself
    try:
        if keytab is not None:
            keytab_principal(section, keytab)
        else:
            obtain(section, clock, {"client_keytab": "FILE:"})  # none: or else a default one would be used
    except KerberosError as error:
        return str(error)
    return ""


def obtain(section: Kerberos, clock: Clock, more: Mapping[bytes | str, bytes | str] = NOTHING) -> Ticket:
    """A ticket from the keytab, or the one of the cache; asks the Kerberos server in the first case.

    `more` is added to what GSS-API is told of where credentials are.
    """
    store: dict[bytes | str, bytes | str] = dict(more)
    where = section.cache or "the default cache (KRB5CCNAME)"
    principal = section.principal
    if section.keytab is not None:
        where = section.keytab
        principal = keytab_principal(section, section.keytab)
        store |= {"client_keytab": section.keytab, "ccache": f"MEMORY:acgate-{next(_caches)}"}
    elif section.cache is not None:
        store |= {"ccache": section.cache}
    with said_plainly(principal or "this user", where):
        name = None if principal is None else principal_name(principal)
        credentials = gssapi.Credentials(name=name, usage="initiate", mechs=[_KERBEROS], store=store or None)
        principal = str(credentials.name)
    with said_plainly(principal, where):
        lifetime = float(credentials.lifetime or 0)
    return Ticket(credentials, principal, where, clock.now_ns() + int(lifetime * 1e9), lifetime, store)


class SecurityContext:
    """The initiator's end of one context (GSS-API); belongs to one thread at a time."""

    def __init__(self, ticket: Ticket, service: str) -> None:
        self._who, self._where, self._service = ticket.principal, ticket.where, service
        self._expires_ns = ticket.expires_ns
        with self._plainly():
            self._context = gssapi.SecurityContext(
                name=principal_name(service), usage="initiate", creds=ticket.credentials, flags=_FLAGS, mech=_KERBEROS
            )

    @property
    def complete(self) -> bool:
        """Whether it can sign."""
        return bool(self._context.complete)

    @property
    def expires_ns(self) -> int:
        """See Initiator."""
        return self._expires_ns

    def step(self, token: bytes | None = None) -> bytes | None:
        """The next token for the acceptor; None when there is none to send. KerberosError says why not."""
        with self._plainly():
            answer: bytes | None = self._context.step(token)
            return answer

    def sign(self, data: bytes) -> bytes:
        """The MIC of `data`; each has the next sequence number of the context."""
        with self._plainly():
            return self._context.get_signature(data)

    def _plainly(self) -> AbstractContextManager[None]:
        return said_plainly(self._who, self._where, self._service)
