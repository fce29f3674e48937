"""Who a client of DPM is, and what that allows: Authenticate and EnableSettings (dpm-http.md 11, 12)."""

import logging
from typing import Protocol

from gateway.core.status import OK, PRIV, Status
from gateway.wire import dpm
from simulator.device_spec import DeviceSpec
from simulator.permissions import Permissions, console_name
from simulator.rejected import Rejected

SERVICE = "daeset/bd@localhost"
_log = logging.getLogger(__name__)


class Context(Protocol):
    """The acceptor's end of one security context; each of these raises Rejected."""

    def step(self, token: bytes) -> bytes | None:
        """The token to send back, None for none."""
        ...

    def verify(self, data: bytes, mic: bytes) -> None:
        """Nothing, when `mic` signs `data`."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the client is known."""
        ...

    @property
    def user(self) -> str:
        """Its principal."""
        ...


class Contexts(Protocol):
    """Makes such ends."""

    def accept(self) -> Context:
        """The end of a new context."""
        ...


class Identity(Protocol):
    """What a server knows of the client of one connection."""

    def authenticate(self, token: bytes, now_ns: int) -> dpm.Reply:
        """The answer to a token; an empty one asks for the service and forgets what was before."""
        ...

    def enable(self, mic: bytes, message: bytes) -> dpm.StatusReply:
        """The answer to a signature: from here on the client is somebody."""
        ...

    @property
    def nobody(self) -> bool:
        """Whether every setting is refused."""
        ...

    def may_set(self, device: DeviceSpec, role: str) -> bool:
        """Whether the client may set the device."""
        ...


class Anybody:
    """Authentication is played and not checked: everybody may set everything."""

    nobody = False

    def __init__(self, service: str = SERVICE) -> None:
        self._service = service

    def authenticate(self, token: bytes, now_ns: int) -> dpm.Reply:
        """See `Identity`."""
        del now_ns
        return dpm.AuthenticateReply(self._service, None if token else b"")

    def enable(self, mic: bytes, message: bytes) -> dpm.StatusReply:
        """See `Identity`."""
        del mic, message
        return _enabled(OK)

    def may_set(self, device: DeviceSpec, role: str) -> bool:
        """See `Identity`."""
        del device, role
        return True


class KerberosIdentity:
    """Tokens and signatures are checked, and so is what the user may set. Every refusal is logged with its reason."""

    def __init__(self, contexts: Contexts, service: str, permissions: Permissions) -> None:
        self._contexts, self._service, self._permissions = contexts, service, permissions
        self._context: Context | None = None
        self._user = ""

    @property
    def nobody(self) -> bool:
        """See `Identity`."""
        return not self._user

    def authenticate(self, token: bytes, now_ns: int) -> dpm.Reply:
        """See `Identity`; a token that is refused is answered with 17/-17 alone."""
        if not token:
            self._context = None
            return dpm.AuthenticateReply(self._service, b"")
        if self._context is None:
            self._context = self._contexts.accept()
        try:
            answer = self._context.step(token)
        except Rejected as error:
            _log.warning("DPM/HTTP refuses a token: %s", error)
            return dpm.StatusReply(0, now_ns // 1_000_000, 0, PRIV.packed)
        return dpm.AuthenticateReply(self._service, None if self._context.complete else answer)

    def enable(self, mic: bytes, message: bytes) -> dpm.StatusReply:
        """See `Identity`. Without any context the answer is 0, but the client stays nobody (section 11)."""
        self._user = ""
        if self._context is None:
            return _enabled(OK)
        try:
            self._context.verify(message, mic)
            self._user = console_name(self._context.user)
        except Rejected as error:
            _log.warning("DPM/HTTP does not enable settings: %s", error)
            return _enabled(PRIV)
        return _enabled(OK)

    def may_set(self, device: DeviceSpec, role: str) -> bool:
        """See `Identity`."""
        reason = self._permissions.refusal(self._user, role, device.name, device.protection)
        if reason:
            _log.warning("DPM/HTTP refuses a setting: %s", reason)
        return not reason


def _enabled(status: Status) -> dpm.StatusReply:
    return dpm.StatusReply(0, 0, -1, status.packed)


def service_name(principals: list[str]) -> str:
    """The serviceName of a server with these keys: `daeset/bd/host@REALM` -> `daeset/bd@host`.

    A key of DMQ's is taken only where there is no other: the keytab may be for both.
    """
    chosen = min(principals, key=lambda name: (not name.startswith("daeset/bd/"), "/dmq." in name))
    service, _, host = chosen.partition("@")[0].rpartition("/")
    return f"{service}@{host}" if service else host
