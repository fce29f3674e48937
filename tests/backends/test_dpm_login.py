"""Logging in against a scripted server, with tickets of a real KDC (dpm-http.md 11)."""

import time
from collections.abc import Callable, Iterator

import pytest

from gateway.backends.dpm_http import DpmHttpBackend
from gateway.backends.dpm_login import service_principal
from gateway.backends.kerberos import KerberosCredentials
from gateway.config.models import Kerberos
from gateway.core.drf import DataRequest
from gateway.core.status import DISCONNECTED, OK, PRIV
from gateway.core.values import Outcome, Setting, SettingResult
from gateway.runtime.clock import SystemClock
from gateway.runtime.worker import Worker
from gateway.wire import dpm
from simulator.gss_acceptor import Acceptor
from tests.backends.conftest import QUICK
from tests.backends.scripted_server import Client, ScriptedServer
from tests.support.kdc import USER, Kdc

SETTING = Setting(DataRequest.parse("M:OUTTMP").for_writing(), 1.0)
SERVICE = "daeset/bd@localhost"
Answer = Callable[[Client, dpm.Request], None]
pytestmark = pytest.mark.usefixtures("kerberos_environment")


@pytest.fixture
def backend(server: ScriptedServer, kdc: Kdc) -> Iterator[DpmHttpBackend]:
    """One that logs in before it writes, and reads without."""
    credentials = KerberosCredentials(Kerberos(keytab=str(kdc.user_keytab)), SystemClock())
    made = DpmHttpBackend(
        "dpm", "127.0.0.1", server.port, clock=SystemClock(), role="testing", credentials=credentials, timeouts=QUICK
    )
    yield made
    made.close()


class Script:
    """A server's side of logging in; each step may be replaced."""

    def __init__(self, server: ScriptedServer) -> None:
        self.named: Answer = lambda client, _: client.send(dpm.AuthenticateReply(SERVICE, b""))
        self.token: Answer = lambda client, _: client.send(dpm.AuthenticateReply(SERVICE, None))
        self.enable: Answer = lambda client, _: client.send(dpm.StatusReply(0, 0, -1, 0))
        server.hook = self._hook

    def _hook(self, client: Client, request: dpm.Request) -> bool:
        if isinstance(request, dpm.Authenticate):
            (self.token if request.token else self.named)(client, request)
        elif isinstance(request, dpm.EnableSettings):
            self.enable(client, request)
        return isinstance(request, dpm.Authenticate | dpm.EnableSettings)


@pytest.fixture(autouse=True)
def script(server: ScriptedServer) -> Script:
    return Script(server)


def write(backend: DpmHttpBackend, timeout: float = 5.0) -> SettingResult:
    (result,) = backend.write([SETTING], timeout)
    return result


def refused(result: SettingResult) -> str:
    """The text of a refusal; nothing must have been sent."""
    assert (result.outcome, result.status, result.sent) == (Outcome.REFUSED, PRIV, False)
    assert result.message.endswith("; nothing was sent")
    return result.message.removesuffix("; nothing was sent")


def test_the_user_logs_in_before_the_first_setting_of_a_link_and_only_then(
    server: ScriptedServer, backend: DpmHttpBackend, kdc: Kdc
) -> None:
    assert [write(backend).outcome for _ in range(3)] == [Outcome.ACCEPTED] * 3
    names = [type(request).__name__ for _, request in server.log]
    assert names[:4] == ["Authenticate", "Authenticate", "EnableSettings", "StopList"]
    assert (names.count("Authenticate"), names.count("EnableSettings"), len(server.clients)) == (2, 1, 1)
    first, second = server.requests(dpm.Authenticate)
    (enabled,) = server.requests(dpm.EnableSettings)
    assert isinstance(first, dpm.Authenticate)
    assert isinstance(second, dpm.Authenticate)
    assert isinstance(enabled, dpm.EnableSettings)
    assert first.token == b""
    accepted = Acceptor(kdc.keytab).accept()
    assert accepted.step(second.token) is None
    accepted.verify(b"1234", enabled.mic)
    assert (accepted.user, enabled.message) == (USER, b"1234")
    applied = server.requests(dpm.ApplySettings)[0]
    assert isinstance(applied, dpm.ApplySettings)
    assert applied.user_name == USER


def test_reading_does_not_log_in(server: ScriptedServer, backend: DpmHttpBackend) -> None:
    backend.read([DataRequest.parse("M:OUTTMP")], 5.0)
    assert server.requests(dpm.Authenticate) == []


def test_heartbeats_between_the_steps_are_passed_over(backend: DpmHttpBackend, script: Script) -> None:
    def slowly(client: Client, _: dpm.Request) -> None:
        client.send(dpm.ListStatusReply(4096, 0))
        client.send(dpm.ListStatusReply(4096, 0), dpm.AuthenticateReply(SERVICE, None))

    script.token = slowly
    assert write(backend).status == OK


def test_a_server_without_a_login_of_its_own_is_said_to_have_none(backend: DpmHttpBackend, script: Script) -> None:
    script.named = lambda client, _: client.send(dpm.AuthenticateReply("", b""))
    assert refused(write(backend)) == (
        "the server names no service to log in to: it has no Kerberos login of its own now"
    )


def test_a_service_that_the_kdc_does_not_know_is_named(backend: DpmHttpBackend, script: Script) -> None:
    script.named = lambda client, _: client.send(dpm.AuthenticateReply("daeset/bd@nowhere.fnal.gov", b""))
    assert refused(write(backend)) == (
        "the Kerberos server does not know the service daeset/bd/nowhere.fnal.gov@FNAL.GOV; "
        "see the host in the URL of the backend"
    )


def test_a_token_that_is_refused_closes_the_link_and_the_next_write_begins_anew(
    server: ScriptedServer, backend: DpmHttpBackend, script: Script
) -> None:
    good = script.token

    def refuse(client: Client, request: dpm.Request) -> None:
        assert isinstance(request, dpm.Authenticate)
        # a Status, followed by an echo of the token: a quirk of the real server (section 11)
        client.send(dpm.StatusReply(0, 0, 0, PRIV.packed), dpm.AuthenticateReply(SERVICE, request.token))

    script.token = refuse
    said = refused(write(backend))
    assert said == "the server refuses the Kerberos token (DPM_PRIV [17 -17]); see its clock, its keytab and its log"
    assert backend.health().last_error == said
    script.token = good
    assert write(backend).status == OK
    assert len(server.clients) == 2


def test_a_signature_that_is_refused_is_said_to_be(backend: DpmHttpBackend, script: Script) -> None:
    script.enable = lambda client, _: client.send(dpm.StatusReply(0, 0, -1, PRIV.packed))
    assert refused(write(backend)).startswith("the server refuses the signature (DPM_PRIV [17 -17])")


def test_a_status_in_place_of_the_name_of_the_service_is_a_refusal(backend: DpmHttpBackend, script: Script) -> None:
    script.named = lambda client, _: client.send(dpm.StatusReply(0, 0, 0, 0))
    assert refused(write(backend)).startswith("the server refuses the Kerberos token ([0 0])")


@pytest.mark.parametrize("step", ["named", "token", "enable"])
def test_a_server_that_does_not_answer_a_step_costs_no_more_than_the_time_of_the_write(
    backend: DpmHttpBackend, script: Script, step: str
) -> None:
    setattr(script, step, lambda _client, _request: None)
    began = time.monotonic()
    assert refused(write(backend, 0.6)) == "the server does not answer to the log-in in time"
    assert time.monotonic() - began < 2.0


def test_a_link_that_is_lost_while_logging_in_is_replaced_once(
    server: ScriptedServer, backend: DpmHttpBackend, script: Script
) -> None:
    script.token = lambda client, _: client.hang_up()
    result = write(backend)
    assert (result.outcome, result.status, result.sent) == (Outcome.REFUSED, DISCONNECTED, False)
    assert len(server.clients) == 2


def test_closing_frees_a_write_that_waits_for_the_server_to_let_it_in(
    server: ScriptedServer, backend: DpmHttpBackend, script: Script
) -> None:
    script.token = lambda _client, _request: None
    found: list[SettingResult] = []
    worker = Worker("writer", lambda _: found.append(write(backend, 30.0)))
    worker.start()
    server.wait_for(lambda: len(server.requests(dpm.Authenticate)) == 2)
    backend.close()
    assert worker.stop(2.0)
    assert [one.outcome for one in found] == [Outcome.REFUSED]


@pytest.mark.parametrize(
    ("name", "principal"),
    [
        ("daeset/bd@dpm05.fnal.gov", "daeset/bd/dpm05.fnal.gov@FNAL.GOV"),
        ("daeset/bd@localhost", "daeset/bd/localhost@FNAL.GOV"),
        ("daeset/bd\\@dpm05", "daeset/bd/dpm05@FNAL.GOV"),  # a backslash that Kerberos' own spelling has is left out
    ],
)
def test_the_name_of_the_service_becomes_a_principal(name: str, principal: str) -> None:
    assert service_principal(name) == principal
