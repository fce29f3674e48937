import pytest

from gateway.backends.dpm_http import DpmHttpBackend
from gateway.backends.open import ANONYMOUS, open_backend
from gateway.config.backend_url import BackendUrl
from gateway.config.models import Auth
from gateway.core.errors import BadUrl
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


@pytest.mark.parametrize("scheme", ["acl+https", "acl+http", "acl+ssh"])
def test_a_scheme_that_is_not_built_yet_is_said_to_be_so(scheme: str) -> None:
    with pytest.raises(BadUrl, match=r"is not part of this version; use dpm\+http"):
        open_backend("x", url(scheme), CLOCK)


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
    with pytest.raises(BadUrl, match=r"use dpm\+http or dpm\+grpc or dmq or sim"):
        open_backend("x", url("acl+http"), CLOCK, ANONYMOUS, {"sim": factory})


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
