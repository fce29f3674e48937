"""The URLs of ACL -> its backend: acl+http, acl+https and acl+ssh (contract.md 3)."""

import re
import ssl

from gateway.backends.acl_backend import PATIENCE, AclBackend
from gateway.backends.acl_http import HttpSession
from gateway.backends.kerberos_port import kerberos_credentials
from gateway.backends.url_options import check_keys, number_of
from gateway.config.backend_url import BackendUrl
from gateway.config.models import Auth, Ssh
from gateway.config.polled import FLOOR_S, KEY
from gateway.core.errors import BadInput, BadUrl
from gateway.core.ports import Backend, Clock
from gateway.runtime.backoff import Backoff

PATH = "/cgi-bin/acl.pl"
_HOP = re.compile(r"(?:(?P<user>[A-Za-z0-9._-]+)@)?(?P<host>[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


def acl_http(name: str, url: BackendUrl, auth: Auth, clock: Clock) -> Backend:
    """The CGI; its path is that of Fermilab's where the URL has none."""
    if auth != Auth():
        raise BadInput(f"backend {name}: {url.scheme} takes no credentials; leave out auth")
    check_keys(url, KEY, "timeout")
    tls = ssl.create_default_context() if url.scheme == "acl+https" else None
    path = url.path if url.path not in ("", "/") else PATH
    if not re.fullmatch(r"/[A-Za-z0-9_./~-]*", path):
        raise BadUrl(f"{str(url)!r}: the path {path!r} is none of a CGI; write for example {PATH}")
    return AclBackend(
        name,
        lambda: HttpSession(url.host.strip("[]"), url.port, path, clock, tls),
        clock,
        floor_s=number_of(url, KEY, FLOOR_S, 0.05, 3600),
        patience=number_of(url, "timeout", PATIENCE, 0.1, 600),
    )


def acl_ssh(name: str, url: BackendUrl, auth: Auth, clock: Clock) -> Backend:
    """The interpreter of a console node, through jump hosts where `jump` names them."""
    try:
        from gateway.backends.acl_ssh import SshSession
        from gateway.backends.ssh_connection import SshConnection
        from gateway.backends.ssh_trust import Hop, Login
    except ImportError as error:
        raise BadUrl(f"{str(url)!r}: acl+ssh needs {error.name}; pip install 'acgate[ssh]'") from None
    if auth.jwt is not None:
        raise BadInput(
            f"backend {name}: acl+ssh logs in with a key or a ticket; write auth: {{ssh: {{key_file: FILE}}}} "
            "or auth: {kerberos: {}}"
        )
    check_keys(url, "jump", KEY, "timeout")
    if not url.user:
        raise BadUrl(f"{str(url)!r}: the user is absent; write acl+ssh://USER@{url.host}")
    hops = []
    for text in url.query["jump"].split(",") if "jump" in url.query else ():
        found = _HOP.fullmatch(text)
        if found is None or not 0 < int(found["port"] or 22) < 65536:
            raise BadUrl(
                f"{str(url)!r}: the jump host {text!r} is malformed; write jump=user@host:22, or only the host"
            )
        hops.append(Hop(found["host"], int(found["port"] or 22), found["user"] or url.user))
    wished = auth.ssh or Ssh()
    kerberos = None if auth.kerberos is None else kerberos_credentials(auth.kerberos, clock, name)
    login = Login(wished.key_file, wished.known_hosts, wished.agent, kerberos)
    connection = SshConnection([*hops, Hop(url.host.strip("[]"), url.port, url.user)], login, clock)
    return AclBackend(
        name,
        lambda: SshSession(connection, clock),
        clock,
        floor_s=number_of(url, KEY, FLOOR_S, 0.05, 3600),
        patience=number_of(url, "timeout", PATIENCE, 0.1, 600),
        away=Backoff(first=1.0, cap=10.0),
        credentials=kerberos,
    )
