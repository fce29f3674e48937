import math
import re
import sys
from pathlib import Path

import pytest

from gateway.backends import grpc_link
from gateway.backends.acl_backend import AclBackend
from gateway.backends.dpm_grpc import DpmGrpcBackend
from gateway.backends.dpm_http import DpmHttpBackend
from gateway.backends.open import ANONYMOUS, open_backend
from gateway.config.backend_url import BackendUrl
from gateway.config.models import Auth, Jwt, Kerberos
from gateway.core.errors import BadInput, BadUrl
from gateway.core.ports import Backend, Clock, LinkState
from gateway.runtime.clock import SystemClock

CLOCK = SystemClock()


def url(scheme: str = "dpm+http", **query: str) -> BackendUrl:
    return BackendUrl(scheme, "127.0.0.1", 6802, query=query)


def test_dpm_http_is_opened_without_contacting_anybody() -> None:
    backend = open_backend(
        "dpm", url(role="testing", connections="4", silence="9", timeout="2", backoff_cap="5"), CLOCK
    )
    assert isinstance(backend, DpmHttpBackend)
    assert (backend.name, backend.health().state) == ("dpm", LinkState.DISCONNECTED)
    backend.close()


def test_the_device_database_is_no_backend() -> None:
    with pytest.raises(BadUrl, match=r"is the device database, which belongs to metadata; use dpm\+http"):
        open_backend("x", url("devdb+grpc"), CLOCK)


def test_an_unknown_scheme_names_the_nearest() -> None:
    with pytest.raises(BadUrl, match=r"unknown scheme 'dpm\+htp'; did you mean 'dpm\+http'\?"):
        open_backend("x", url("dpm+htp"), CLOCK)


def test_a_scheme_of_another_room_comes_with_its_factory() -> None:
    asked: list[tuple[str, BackendUrl, Auth]] = []

    def factory(name: str, wanted: BackendUrl, auth: Auth, clock: Clock) -> Backend:
        asked.append((name, wanted, auth))
        return DpmHttpBackend(name, "127.0.0.1", 1, clock=clock)

    backend = open_backend("play", url("sim"), CLOCK, ANONYMOUS, {"sim": factory})
    assert (backend.name, asked) == ("play", [("play", url("sim"), ANONYMOUS)])
    backend.close()
    with pytest.raises(BadUrl, match=r"use dpm\+http or .* or sim"):
        open_backend("x", url("devdb+grpc"), CLOCK, ANONYMOUS, {"sim": factory})


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"conections": "4"}, "unknown key 'conections'; did you mean 'connections'"),
        ({"connections": "0"}, "connections=0 is not a number of 1 to 64; by default it is 8"),
        ({"connections": "1.5"}, "is not whole"),
        ({"silence": "soon"}, "silence=soon is not a number"),
        ({"timeout": "nan"}, "timeout=nan is not a number"),
        ({"role": "a:b"}, "the role 'a:b' is no word"),
    ],
)
def test_a_key_or_value_that_cannot_be_used_is_named(query: dict[str, str], said: str) -> None:
    with pytest.raises(BadUrl, match=said):
        open_backend("x", url(**query), CLOCK)


@pytest.mark.parametrize(
    "text",
    [
        "acl+http://127.0.0.1:8081/cgi-bin/acl.pl?period=0.5&timeout=3",
        "acl+https://www-bd.fnal.gov",
        "acl+ssh://me@clx01.fnal.gov?jump=gateway.fnal.gov,you@second:2222&period=2",
    ],
)
def test_acl_is_opened_without_contacting_anybody(text: str) -> None:
    backend = open_backend("acl", BackendUrl.parse(text), CLOCK)
    assert isinstance(backend, AclBackend)
    assert (backend.name, backend.health().state) == ("acl", LinkState.DISCONNECTED)
    backend.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acl+http://h?period=0.01", "period=0.01 is not a number of 0.05 to 3600; by default it is 1"),
        ("acl+http://h?timeout=0", "timeout=0 is not a number"),
        ("acl+http://h/a%20b", "the path '/a b' is none of a CGI; write for example /cgi-bin/acl.pl"),
        ("acl+ssh://clx01", "the user is absent; write acl\\+ssh://USER@clx01"),
        ("acl+ssh://me@clx01?jump=a%20b", "the jump host 'a b' is malformed; write jump=user@host:22"),
        ("acl+ssh://me@clx01?jump=host:99999", "the jump host 'host:99999' is malformed"),
    ],
)
def test_what_cannot_be_used_in_a_url_of_acl_is_named(text: str, said: str) -> None:
    with pytest.raises(BadUrl, match=said):
        open_backend("x", BackendUrl.parse(text), CLOCK)


@pytest.mark.parametrize(
    ("text", "auth", "said"),
    [
        ("acl+http://h", Auth(jwt=Jwt(token_file="f")), "backend x: acl\\+http takes no credentials; leave out auth"),
        ("acl+ssh://me@h", Auth(jwt=Jwt(token_file="f")), "backend x: acl\\+ssh logs in with a key or a ticket; write"),
    ],
)
def test_credentials_that_acl_does_not_take_are_refused(text: str, auth: Auth, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        open_backend("x", BackendUrl.parse(text), CLOCK, auth)


def test_a_missing_library_for_ssh_is_said_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    for name in ("acl_ssh", "ssh_connection", "ssh_channel", "ssh_trust"):
        monkeypatch.delitem(sys.modules, f"gateway.backends.{name}", raising=False)
    with pytest.raises(BadUrl, match=r"acl\+ssh needs asyncssh; pip install 'acgate\[ssh\]'"):
        open_backend("x", BackendUrl.parse("acl+ssh://me@h"), CLOCK)


def dmq(**query: str) -> BackendUrl:
    return BackendUrl("dmq", "127.0.0.1", 5672, path="/vh", query=query)


def test_dmq_is_opened_without_contacting_anybody() -> None:
    options = {"sessions": "5", "idle": "9", "silence": "9", "timeout": "2", "backoff_cap": "5", "service": "x@Y"}
    backend = open_backend("q", dmq(unsigned="yes", **options), CLOCK)
    assert (backend.name, backend.health().state) == ("q", LinkState.DISCONNECTED)
    backend.close()


@pytest.mark.parametrize(
    ("query", "auth", "said"),
    [
        (
            {},
            ANONYMOUS,
            "DMQ needs Kerberos even to read; write auth: {kerberos: {}}, or ?unsigned=yes for a simulator",
        ),
        ({"unsigned": "maybe"}, ANONYMOUS, "unsigned=maybe is neither yes nor no"),
        ({"unsigned": "yes", "sessions": "1.5"}, ANONYMOUS, "sessions=1.5 is not whole"),
        ({"unsigned": "yes", "sessions": "0"}, ANONYMOUS, "sessions=0 is not a number of 1 to 1024"),
        ({"unsigned": "yes", "silnce": "0"}, ANONYMOUS, "unknown key 'silnce'; did you mean 'silence'"),
        ({}, Auth(jwt=Jwt(token_file="f")), "auth.jwt is nothing that dmq takes"),
    ],
)
def test_what_is_wrong_with_a_backend_of_dmq_is_named(query: dict[str, str], auth: Auth, said: str) -> None:
    with pytest.raises(BadInput, match=re.escape(said)):
        open_backend("q", dmq(**query), CLOCK, auth)


def test_without_the_extra_dmq_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gateway.runtime.amqp", None)
    with pytest.raises(BadInput, match=r"dmq needs the Python package pika .*pip install 'acgate\[dmq\]'"):
        open_backend("q", dmq(unsigned="yes"), CLOCK)


def test_dpm_grpc_is_opened_without_contacting_anybody_and_counts_its_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("opaque")
    query = {"connections": "4", "silence": "9", "timeout": "2", "backoff_cap": "5"}
    backend = open_backend("grpc", url("dpm+grpc", **query), CLOCK, Auth(jwt=Jwt(token_file=str(token))))
    assert isinstance(backend, DpmGrpcBackend)
    assert (backend.name, backend.health().state, backend.expires_in()) == (
        "grpc", LinkState.DISCONNECTED, {"TOKEN": math.inf},
    )  # fmt: skip
    backend.close()


def test_the_channel_pings_as_the_real_server_bears_it() -> None:
    options = dict(grpc_link.OPTIONS)
    assert options["grpc.keepalive_time_ms"] == 300_000  # more often is punished (dpm-grpc.md 1)
    assert options["grpc.keepalive_timeout_ms"] == 10_000
    assert options["grpc.http2.max_pings_without_data"] == 0
    assert "grpc.keepalive_permit_without_calls" not in options
    assert options["grpc.max_receive_message_length"] == 64 << 20


def test_what_dpm_grpc_does_not_take_is_refused() -> None:
    with pytest.raises(BadInput, match=r"auth\.kerberos is nothing that dpm\+grpc takes; write auth: \{jwt: "):
        open_backend("x", url("dpm+grpc"), CLOCK, Auth(kerberos=Kerberos()))
    with pytest.raises(BadUrl, match="unknown key 'role'"):
        open_backend("x", url("dpm+grpc", role="testing"), CLOCK)


@pytest.mark.parametrize("package", ["grpc", "jwt"])
def test_a_missing_extra_of_grpc_is_named_with_the_command_that_installs_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("dpm_grpc", "grpc_link", "grpc_call", "grpc_read", "grpc_write", "grpc_watch_list", "jwt_tokens"):
        monkeypatch.delitem(sys.modules, f"gateway.backends.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        BadInput, match=rf"dpm\+grpc needs a Python package \(.*{package}.*python -m pip install 'acgate"
    ):
        open_backend("x", url("dpm+grpc"), CLOCK)
