"""What a route relies on when a service is away: every adapter says so in the same words, and what it has not sent."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.backends.open import open_backend
from gateway.backends.steering import is_loss, may_go_elsewhere, unanswered
from gateway.config.backend_url import BackendUrl
from gateway.config.models import Auth, Jwt
from gateway.core.drf import DataRequest
from gateway.core.ports import Backend, LinkState
from gateway.core.values import Setting
from gateway.runtime.clock import SystemClock
from tests.support import grpc_engine
from tests.support.ca_client import free_port
from tests.support.leaks import check_leaks
from tests.support.tokens import token_for

URLS = [
    "dpm+http://127.0.0.1:{port}", "dpm+grpc://127.0.0.1:{port}", "dmq://127.0.0.1:{port}/?unsigned=yes",
    "acl+http://127.0.0.1:{port}",
]  # fmt: skip


@pytest.fixture(params=URLS, ids=lambda url: url.partition(":")[0])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """A backend whose service is not there, and that would not lack credentials."""
    url, auth = BackendUrl.parse(request.param.format(port=free_port())), Auth()
    if url.scheme == "dpm+grpc":
        grpc_engine.begin()
        token = tmp_path / "token"
        token.write_text(token_for(b"s" * 32, time.time() + 600, "role"), "utf-8")
        auth = Auth(jwt=Jwt(token_file=str(token)))
    with check_leaks():
        made = open_backend("under-test", url, SystemClock(), auth)
        yield made
        made.close()


def test_a_watched_request_is_told_to_be_lost(backend: Backend) -> None:
    stream = backend.watch([DataRequest.parse("M:OUTTMP@p,1000"), DataRequest.parse("G:AMANDA@p,5000")])
    lost: set[int] = set()
    for _ in range(100):
        lost |= {other.slot for other in stream.get(0.1).others if is_loss(other.reading)}
        if lost == {0, 1}:
            break
    assert lost == {0, 1}
    assert backend.health().state is not LinkState.UP


def test_a_read_is_unanswered(backend: Backend) -> None:
    assert all(unanswered(reading) for reading in backend.read([DataRequest.parse("M:OUTTMP")] * 2, 2.0))


def test_a_setting_has_not_left_and_may_go_elsewhere_unless_it_could_never_be_sent(backend: Backend) -> None:
    results = backend.write([Setting(DataRequest.parse("Z:ACLTST").for_writing(), 1.0)], 2.0)
    assert [may_go_elsewhere(result) for result in results] == [backend.capabilities.write]
