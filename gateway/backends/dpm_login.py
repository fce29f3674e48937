"""Making a link known to its server as a user: Authenticate, then EnableSettings with a signature (dpm-http.md 11)."""

from typing import TypeVar

from gateway.backends.dpm_link import DpmLink, LinkLost
from gateway.backends.kerberos_port import Credentials, KerberosError
from gateway.core.ports import Clock
from gateway.core.status import Status
from gateway.wire import dpm

REALM = "FNAL.GOV"  # of every DPM; a serviceName comes without it
_SIGNED = b"1234"  # what all clients sign
_ROUNDS = 4  # tokens at most; Kerberos without mutual authentication takes one

T = TypeVar("T", dpm.AuthenticateReply, dpm.StatusReply)


class NotLoggedIn(Exception):
    """The server does not take the user, or there is no ticket; the text says why. No setting was sent."""


def service_principal(name: str) -> str:
    """`daeset/bd@dpm05.fnal.gov` -> `daeset/bd/dpm05.fnal.gov@FNAL.GOV`."""
    return f"{name.replace('@', '/').replace(chr(92), '')}@{REALM}"


def log_in(link: DpmLink, credentials: Credentials, clock: Clock, deadline: float) -> None:
    """Identify the user of a link until it closes. LinkLost, or NotLoggedIn: the link is of no use then."""
    named = _ask(link, clock, dpm.Authenticate(link.list_id, b""), dpm.AuthenticateReply, deadline)
    if not named.service_name:
        raise NotLoggedIn("the server names no service to log in to: it has no Kerberos login of its own now")
    try:
        context = credentials.context(service_principal(named.service_name), max(0.0, deadline - clock.monotonic()))
        token = context.step()
        for _ in range(_ROUNDS):
            if token is None:
                break
            answer = _ask(link, clock, dpm.Authenticate(link.list_id, token), dpm.AuthenticateReply, deadline)
            token = None if context.complete else context.step(answer.token)
        mic, user = context.sign(_SIGNED), credentials.principal
    except KerberosError as error:
        raise NotLoggedIn(str(error)) from None
    _ask(link, clock, dpm.EnableSettings(link.list_id, mic, _SIGNED), dpm.StatusReply, deadline)
    link.user = user


def _ask(link: DpmLink, clock: Clock, request: dpm.Request, kind: type[T], deadline: float) -> T:
    """The answer to one step; heartbeats in between are passed over, any other Status is a refusal."""
    link.send((request,), deadline)
    while (received := link.receive(deadline)) is not None or clock.monotonic() < deadline:
        if received is None:
            raise LinkLost("the backend is closed")
        for _, message in received.messages:
            if isinstance(message, dpm.StatusReply) and (message.status or kind is not dpm.StatusReply):
                status = Status.from_packed(message.status)
                what = "the signature" if kind is dpm.StatusReply else "the Kerberos token"
                raise NotLoggedIn(f"the server refuses {what} ({status}); see its clock, its keytab and its log")
            if isinstance(message, kind):
                return message
    raise NotLoggedIn("the server does not answer to the log-in in time")
