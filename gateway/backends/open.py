"""Backend URL -> adapter (contract.md 3)."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from gateway.backends.acl_open import acl_http, acl_ssh
from gateway.backends.dmq_signer import SERVICE
from gateway.backends.dpm_http import DpmHttpBackend
from gateway.backends.dpm_lists import Budget
from gateway.backends.dpm_orders import Timeouts
from gateway.backends.kerberos_port import kerberos_credentials
from gateway.backends.url_options import check_keys, number_of
from gateway.config.backend_url import BackendUrl
from gateway.config.models import Auth
from gateway.config.problems import suggestion
from gateway.core.errors import BadInput, BadUrl
from gateway.core.ports import Backend, Clock

Factory = Callable[[str, BackendUrl, Auth, Clock], Backend]  # of the name in the configuration, its URL ...

ANONYMOUS = Auth()
_DATABASE = "devdb+grpc"  # describes devices, and serves none


def open_backend(
    name: str, url: BackendUrl, clock: Clock, auth: Auth = ANONYMOUS, further: Mapping[str, Factory] | None = None
) -> Backend:
    """The adapter for a URL. BadUrl names the scheme, key or value that cannot be used.

    It contacts no service; a ticket of Kerberos, where one is configured, is obtained in the background.
    `further` has factories by scheme for adapters that this room cannot know, such as `sim`.
    """
    factories = {**_BUILT, **(further or {})}
    factory = factories.get(url.scheme)
    if factory is not None:
        return factory(name, url, auth, clock)
    usable = " or ".join(factories)
    if url.scheme == _DATABASE:
        raise BadUrl(f"{str(url)!r}: {_DATABASE} is the device database, which belongs to metadata; use {usable}")
    raise BadUrl(f"{str(url)!r}: unknown scheme {url.scheme!r}; {suggestion(url.scheme, factories)}")


def _dpm_http(name: str, url: BackendUrl, auth: Auth, clock: Clock) -> Backend:
    if auth.jwt is not None:
        raise BadInput(f"backend {name}: auth.jwt is nothing that dpm+http takes; write auth: {{kerberos: {{}}}}")
    check_keys(url, "role", "connections", "silence", "timeout", "backoff_cap")
    role = url.query.get("role")
    if role is not None and not (role.isascii() and role.isprintable() and ":" not in role and role):
        raise BadUrl(f"{str(url)!r}: the role {role!r} is no word; write for example role=testing")
    budget, timeouts = _tuning(url)
    credentials = kerberos_credentials(auth.kerberos, clock, name) if auth.kerberos is not None else None
    return DpmHttpBackend(
        name, url.host, url.port, clock=clock, role=role, credentials=credentials, budget=budget, timeouts=timeouts
    )  # fmt: skip


def _dpm_grpc(name: str, url: BackendUrl, auth: Auth, clock: Clock) -> Backend:
    try:
        from gateway.backends.dpm_grpc import DpmGrpcBackend
        from gateway.backends.jwt_tokens import token_source
    except ImportError as error:
        install = "python -m pip install 'acgate[grpc]'"
        raise BadInput(f"backend {name}: dpm+grpc needs a Python package ({error}); install it: {install}") from None
    check_keys(url, "connections", "silence", "timeout", "backoff_cap")
    if auth.kerberos is not None:
        place = "auth: {jwt: {token_file: FILE}}"
        raise BadInput(f"backend {name}: auth.kerberos is nothing that dpm+grpc takes; write {place}")
    budget, timeouts = _tuning(url)
    tokens = token_source(auth.jwt, clock, name) if auth.jwt is not None else None
    return DpmGrpcBackend(name, url.host, url.port, clock=clock, tokens=tokens, budget=budget, timeouts=timeouts)


def _tuning(url: BackendUrl) -> tuple[Budget, Timeouts]:
    """What both protocols of DPM let a URL say."""
    connections = number_of(url, "connections", Budget().connections, 1, 64)
    if connections != int(connections):
        raise BadUrl(f"{str(url)!r}: connections={connections:g} is not whole; write for example connections=8")
    plain = Timeouts()
    timeouts = Timeouts(
        connect=number_of(url, "timeout", plain.connect, 0.1, 60),
        silence=number_of(url, "silence", plain.silence, 0.1, 3600),
        backoff_cap=number_of(url, "backoff_cap", plain.backoff_cap, 0.01, 3600),
    )
    return replace(Budget(), connections=int(connections)), timeouts


def _dmq(name: str, url: BackendUrl, auth: Auth, clock: Clock) -> Backend:
    try:
        from gateway.backends import dmq, dmq_line, dmq_sessions
        from gateway.runtime.amqp import Broker
    except ImportError as error:
        install = "python -m pip install 'acgate[dmq]'"
        raise BadInput(f"backend {name}: dmq needs the Python package pika ({error}); install it: {install}") from None
    check_keys(url, "vhost", "service", "unsigned", "sessions", "idle", "silence", "timeout", "backoff_cap")
    unsigned = url.query.get("unsigned", "no")
    if unsigned not in ("yes", "no"):
        raise BadUrl(f"{str(url)!r}: unsigned={unsigned} is neither yes nor no; it is for simulators without keytab")
    if auth.jwt is not None:
        raise BadInput(f"backend {name}: auth.jwt is nothing that dmq takes; write auth: {{kerberos: {{}}}}")
    if auth.kerberos is None and unsigned == "no":
        raise BadInput(
            f"backend {name}: DMQ needs Kerberos even to read; write auth: {{kerberos: {{}}}}, "
            "or ?unsigned=yes for a simulator without keytab"
        )
    limits, times = dmq_sessions.SessionLimits(), dmq_line.LineTimes()
    sessions = number_of(url, "sessions", limits.sessions, 1, 1024)
    if sessions != int(sessions):
        raise BadUrl(f"{str(url)!r}: sessions={sessions:g} is not whole; write for example sessions=200")
    return dmq.DmqBackend(
        name,
        Broker(url.host, url.port, url.query.get("vhost") or url.path.removeprefix("/") or "/", url.user or "guest"),
        clock=clock,
        credentials=kerberos_credentials(auth.kerberos, clock, name) if auth.kerberos and unsigned == "no" else None,
        service=url.query.get("service", SERVICE),
        limits=dmq_sessions.SessionLimits(int(sessions), number_of(url, "idle", limits.idle, 1, 86400)),
        times=dmq_line.LineTimes(
            connect=number_of(url, "timeout", times.connect, 0.1, 60),
            silence=number_of(url, "silence", times.silence, 1, 3600),
            backoff_cap=number_of(url, "backoff_cap", times.backoff_cap, 0.01, 3600),
        ),
    )


_BUILT: Mapping[str, Factory] = {
    "dpm+http": _dpm_http,
    "dpm+grpc": _dpm_grpc,
    "dmq": _dmq,
    "acl+http": acl_http,
    "acl+https": acl_http,
    "acl+ssh": acl_ssh,
}
