import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.backends.acl_batches import Batches
from gateway.backends.acl_http import HttpSession
from gateway.backends.acl_session import AclTrouble, CallFailed, SessionLost, TimedOut
from gateway.core.drf import DataRequest
from gateway.core.errors import BadInput
from gateway.runtime.clock import SystemClock
from gateway.runtime.worker import StopToken, Worker
from gateway.wire.acl import commands_for
from simulator.facility import shipped_facility
from simulator.services import Services
from tests.core.vectors import vectors
from tests.support.leaks import check_leaks
from tests.wire.acl_vectors import expected

CLOCK = SystemClock()
PATH = "/cgi-bin/acl.pl"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\nZ:ACLTST = 10 A\n"


def soon(seconds: float = 5.0) -> float:
    return CLOCK.monotonic() + seconds


@pytest.fixture
def services() -> Iterator[Services]:
    with check_leaks():
        made = Services(shipped_facility(), CLOCK, {"acl": 0})
        made.start()
        yield made
        assert made.stop()


@pytest.fixture
def session(services: Services) -> Iterator[HttpSession]:
    made = HttpSession(*services.acl.address, PATH, CLOCK)
    yield made
    made.close()
    made.close()


class Cut(bytes):
    """An answer after which the connection is closed."""


class Peer:
    """Answers each call with the bytes of a script, in pieces where it drips."""

    def __init__(self, *answers: bytes, drip: float = 0.0) -> None:
        self._answers, self._drip = list(answers), drip
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._worker = Worker("peer", self._run)
        self.asked: list[bytes] = []
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "Peer":
        self._listener.settimeout(0.05)
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._worker.stop(3.0)
        self._listener.close()

    def _run(self, stop: StopToken) -> None:
        while not stop.stopped():
            try:
                link, _ = self._listener.accept()
            except TimeoutError:
                continue
            with link:
                link.settimeout(0.05)
                self._converse(link, stop)

    def _converse(self, link: socket.socket, stop: StopToken) -> None:
        while not stop.stopped():
            try:
                asked = link.recv(65536)
            except TimeoutError:
                continue
            if not asked:
                return
            self.asked.append(asked)
            answer = self._answers.pop(0)
            size = 1 if self._drip else max(1, len(answer))
            for place in range(0, len(answer), size):
                if stop.wait(self._drip):
                    return
                link.sendall(answer[place : place + size])
            if isinstance(answer, Cut):
                return


def test_a_script_goes_out_as_it_is_and_one_connection_is_kept() -> None:
    with check_leaks(), Peer(OK, OK) as peer:
        session = HttpSession("127.0.0.1", peer.port, PATH, CLOCK)
        commands = ["read Z:ACLTST[0:3]", "read/pendwait M:OUTTMP.READING/event='e,02'"]
        assert session.run(commands, soon()) == "Z:ACLTST = 10 A\n"
        assert session.run(["read Z:ACLTST"], soon()) == "Z:ACLTST = 10 A\n"
        target = b"GET /cgi-bin/acl.pl?acl=read+Z:ACLTST[0:3]\\;read/pendwait+M:OUTTMP.READING/event='e,02' HTTP/1.1"
        assert peer.asked[0].splitlines()[0] == target
        assert (session.connected, session.reconnects) == (True, 0)
        session.close()


def test_what_the_url_cannot_carry_is_refused_before_anything_is_sent(session: HttpSession, services: Services) -> None:
    with pytest.raises(BadInput):
        session.run(["read M&X"], soon())
    assert not services.acl.scripts


@pytest.mark.parametrize(
    ("answer", "trouble", "said"),
    [
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", CallFailed, "HTTP 500 from 127.0.0.1"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", CallFailed, "HTTP 503"),
        (b"HTTP/1.1 302 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", CallFailed, "HTTP 302"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf", SessionLost, "the answer broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhal", SessionLost, "the answer broke off"),
        (b"\xde\xad\xbe\xef\r\n\r\n", SessionLost, "no HTTP"),
        (b"", SessionLost, "without response"),
    ],
)
def test_an_answer_that_is_none_is_said(answer: bytes, trouble: type[AclTrouble], said: str) -> None:
    with check_leaks(), Peer(Cut(answer)) as peer:
        session = HttpSession("127.0.0.1", peer.port, PATH, CLOCK)
        with pytest.raises(trouble, match=said):
            session.run(["read Z:ACLTST"], soon())
        session.close()


def test_a_server_that_closes_what_is_idle_is_asked_once_more() -> None:
    with check_leaks(), Peer(Cut(OK), OK) as peer:
        session = HttpSession("127.0.0.1", peer.port, PATH, CLOCK)
        assert [session.run(["read Z:ACLTST"], soon()) for _ in range(2)] == ["Z:ACLTST = 10 A\n"] * 2
        assert len(peer.asked) == 2
        session.close()


def test_a_server_that_drips_is_given_up_at_the_deadline() -> None:
    with check_leaks(), Peer(OK, drip=0.05) as peer:
        session = HttpSession("127.0.0.1", peer.port, PATH, CLOCK)
        begin = time.monotonic()
        with pytest.raises(TimedOut, match="no answer in time"):
            session.run(["read Z:ACLTST"], soon(0.4))
        assert 0.3 < time.monotonic() - begin < 1.0
        assert not session.connected
        session.close()


def test_a_lost_connection_is_made_anew_and_counted(services: Services, session: HttpSession) -> None:
    assert session.run(["read Z_ACLTST"], soon())
    services.faults.command("acl", "half")
    with pytest.raises(SessionLost):
        session.run(["read Z_ACLTST"], soon())
    services.faults.command("acl", "none")
    assert session.run(["read Z_ACLTST"], soon())
    assert session.reconnects >= 1


@pytest.mark.parametrize("phase", ["answer", "closed before"])
def test_closing_frees_a_call_that_waits(services: Services, session: HttpSession, phase: str) -> None:
    if phase == "closed before":
        session.close()
        with pytest.raises(SessionLost, match="closed here"):
            session.run(["read Z_ACLTST"], soon())
        return
    services.faults.command("acl", "silent")
    ended = threading.Event()

    def call(_: StopToken) -> None:
        with pytest.raises(SessionLost):
            session.run(["read Z_ACLTST"], soon(30.0))
        ended.set()

    worker = Worker("caller", call)
    worker.start()
    deadline = time.monotonic() + 3.0
    while not services.acl.scripts and time.monotonic() < deadline:
        time.sleep(0.01)
    session.close()
    assert ended.wait(2.0)
    assert worker.stop(2.0)


STATUS = [v for v in vectors("acl", "malformed") if v["http_status"] != 200]


@pytest.mark.parametrize("vector", STATUS, ids=lambda vector: vector["name"])
def test_other_codes_end_as_the_vectors_say(vector: dict) -> None:
    def answer(code: int, text: str) -> bytes:
        return f"HTTP/1.1 {code} X\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()

    answers = [answer(vector["http_status"], vector["response"])]
    answers += [answer(200, text) for text in vector.get("fallback", ())]
    commands = [command for drf in vector["drf"] for command in commands_for(DataRequest.parse(drf))]
    with check_leaks(), Peer(*answers) as peer:
        session = HttpSession("127.0.0.1", peer.port, PATH, CLOCK)
        found = Batches(session, CLOCK).ask(commands, soon(), 5.0).results
        session.close()
    assert all(expected(result, found[c]) for result, c in zip(vector["results"], commands, strict=True)), found


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "acgate test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def serve_tls(certificate: Path) -> tuple[Worker, int]:
    """A server that answers one call over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5.0)

    def run(_: StopToken) -> None:
        with listener, listener.accept()[0] as plain:
            plain.settimeout(5.0)
            try:
                with context.wrap_socket(plain, server_side=True) as secured:
                    secured.recv(65536)
                    secured.sendall(OK)
            except OSError:  # the client does not trust us
                return

    worker = Worker("tls", run)
    worker.start()
    return worker, listener.getsockname()[1]


def test_https_trusts_whom_the_machine_trusts_and_nobody_else(certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    with check_leaks():
        worker, port = serve_tls(certificate)
        session = HttpSession("127.0.0.1", port, PATH, CLOCK, trusting)
        assert session.run(["read Z:ACLTST"], soon()) == "Z:ACLTST = 10 A\n"
        session.close()
        assert worker.stop(5.0)
        worker, port = serve_tls(certificate)
        session = HttpSession("127.0.0.1", port, PATH, CLOCK, ssl.create_default_context())
        with pytest.raises(SessionLost, match="TLS failed: self-signed certificate"):
            session.run(["read Z:ACLTST"], soon())
        session.close()
        assert worker.stop(5.0)


def test_a_server_that_speaks_no_tls_is_said(services: Services) -> None:
    session = HttpSession(*services.acl.address, PATH, CLOCK, ssl.create_default_context())
    with pytest.raises(SessionLost, match="TLS failed"):
        session.run(["read Z:ACLTST"], soon())
    session.close()


def test_the_vectors_of_requests_go_out_as_they_are() -> None:
    queries = [query for v in vectors("acl", "requests") if not v.get("refused") for query in v["query"]]
    with check_leaks(), Peer(*[OK] * len(queries)) as peer:
        session = HttpSession("127.0.0.1", peer.port, PATH, CLOCK)
        for vector in vectors("acl", "requests"):
            if not vector.get("refused"):
                commands = [c.text for drf in vector["drf"] for c in commands_for(DataRequest.parse(drf))]
                scripts = [[command] for command in commands] if len(vector["query"]) > 1 else [commands]
                for script in scripts:
                    session.run(script, soon())
        session.close()
    assert [asked.split()[1].decode() for asked in peer.asked] == [f"{PATH}?{query}" for query in queries]


class Blunt:
    """Answers every connection with the same bytes, and closes it."""

    def __init__(self) -> None:
        self.answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self.worker = Worker("blunt", self._run)
        self.worker.start()

    def _run(self, stop: StopToken) -> None:
        with self._listener:
            while not stop.stopped():
                try:
                    link, _ = self._listener.accept()
                except TimeoutError:
                    continue
                with link:
                    link.settimeout(2.0)
                    link.recv(65536)
                    link.sendall(self.answer)


@pytest.fixture(scope="module")
def blunt() -> Iterator[Blunt]:
    made = Blunt()
    yield made
    assert made.worker.stop(3.0)


PARTS = [
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 ", b"200", b" \r\n", b"\r\n", b"Content-Length: 5\r\n",
    b"Content-Length: -5\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n", b"zz\r\n",
    b"-1\r\n", b"0\r\n\r\n", b"\xff\xfe", b"\0", b"X: " + b"a" * 70000 + b"\r\n", b"A: b\r\n" * 120,
    b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/0.9", b"Connection: close\r\n", b"hello", b" folded\r\n", b":\r\n",
    b"HTTP/1.1 999999 X\r\n", b"HTTP/1.1 204 N\r\n", b"ICY 200 OK\r\n",
]  # fmt: skip


@settings(deadline=None)
@given(st.booleans(), st.lists(st.sampled_from(PARTS) | st.binary(max_size=20), max_size=8))
def test_any_bytes_are_a_text_or_a_documented_trouble(blunt: Blunt, begins_well: bool, parts: list[bytes]) -> None:
    blunt.answer = (PARTS[0] if begins_well else b"") + b"".join(parts)
    session = HttpSession("127.0.0.1", blunt.port, PATH, CLOCK)
    try:
        found = session.run(["read Z:ACLTST"], soon())
    except AclTrouble as trouble:
        found = said = str(trouble)
    else:
        said = ""
    session.close()
    assert isinstance(found, str)
    assert "\n" not in said.strip()
    assert len(said) < 500
