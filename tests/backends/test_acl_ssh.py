"""ACL over SSH against a real OpenSSH server, whose logins are the interpreter of a running simulator."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.backends.acl_session import AclTrouble, SessionLost, TimedOut
from gateway.backends.acl_ssh import SshSession
from gateway.backends.open import open_backend
from gateway.backends.ssh_connection import SshConnection
from gateway.backends.ssh_trust import Hop, Login
from gateway.config.backend_url import BackendUrl
from gateway.config.models import Auth, Ssh
from gateway.core.drf import DataRequest
from gateway.core.ports import Backend, LinkState, Subscription
from gateway.runtime.clock import SystemClock
from gateway.runtime.worker import StopToken, Worker
from simulator.facility import shipped_facility
from simulator.services import Services
from tests.support.leaks import check_leaks
from tests.support.sshd import USER, Sshd, acl_command, make_key, program, running_sshd

CLOCK = SystemClock()
TEN = "Z:ACLTST       =  10 Amps"


def soon(seconds: float = 10.0) -> float:
    return CLOCK.monotonic() + seconds


@dataclass
class Site:
    """A simulator, a console node and a jump host before it."""

    services: Services
    node: Sshd
    jump: Sshd
    folder: Path
    key: Path

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def trust(self) -> None:
        """Know both hosts as they are now."""
        self.known_hosts.write_text(self.node.known_host() + self.jump.known_host(), "ascii")

    def login(self, key: Path | None = None) -> Login:
        return Login(str(key or self.key), str(self.known_hosts), agent=False)

    def hop(self, server: Sshd) -> Hop:
        return Hop("127.0.0.1", server.port, USER)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    key = make_key(folder / "key")
    services = Services(shipped_facility(), CLOCK, {"acl": 0})
    services.start()
    with (
        running_sshd(folder / "node", acl_command(services.addresses["acl"]), key) as node,
        running_sshd(folder / "jump", "/bin/false", key) as jump,
    ):
        yield Site(services, node, jump, folder, key)
    assert services.stop()


@pytest.fixture
def site(servers: Site) -> Iterator[Site]:
    servers.trust()
    yield servers
    servers.services.faults.command("acl", "none")


Make = Callable[..., SshSession]


@pytest.fixture
def make(site: Site) -> Iterator[Make]:
    made: list[SshSession] = []

    def one(*hops: Hop, login: Login | None = None) -> SshSession:
        connection = SshConnection(hops or [site.hop(site.node)], login or site.login(), CLOCK)
        made.append(SshSession(connection, CLOCK))
        return made[-1]

    with check_leaks():
        yield one
        for session in made:
            begin = time.monotonic()
            session.close()
            session.close()
            assert time.monotonic() - begin < 2.0


def test_one_login_runs_many_scripts(make: Make, site: Site) -> None:
    session = make()
    assert not session.connected
    assert session.run(["read Z_ACLTST"], soon()) == TEN
    before = len(site.node.logins())
    for _ in range(5):
        lines = session.run(["read Z_ACLTST", "read Z_ACLTST"], soon()).split("\n")
        assert [line for line in lines if line] == [TEN, TEN]
    assert len(site.node.logins()) == before
    assert (session.connected, session.reconnects) == (True, 0)


def test_an_error_is_text_and_the_session_goes_on(make: Make) -> None:
    session = make()
    assert session.run(["read Z:NOTFND"], soon()).endswith("DBM_NOREC")
    assert session.run(["read Z_ACLTST"], soon()) == TEN


def test_a_jump_host_leads_to_the_node(make: Make, site: Site) -> None:
    session = make(site.hop(site.jump), site.hop(site.node))
    assert session.run(["read Z_ACLTST"], soon()) == TEN
    assert "Accepted publickey" in site.jump.said()
    assert site.jump.logins()


def test_sessions_may_share_a_connection(site: Site) -> None:
    with check_leaks():
        connection = SshConnection([site.hop(site.node)], site.login(), CLOCK)
        first, second = (SshSession(connection, CLOCK) for _ in range(2))
        before = site.node.said().count("Accepted publickey")
        assert first.run(["read Z_ACLTST"], soon()) == second.run(["read Z_ACLTST"], soon()) == TEN
        assert site.node.said().count("Accepted publickey") == before + 1
        first.close()
        with pytest.raises(SessionLost):
            second.run(["read Z_ACLTST"], soon())
        second.close()


def test_a_host_that_is_not_known_is_refused_with_its_key(make: Make, site: Site) -> None:
    site.known_hosts.write_text(site.jump.known_host(), "ascii")
    with pytest.raises(SessionLost, match=r"host key of \[127.0.0.1\]:\d+ is unknown \(ssh-ed25519 SHA256:.*known_"):
        make().run(["read Z_ACLTST"], soon())
    site.known_hosts.unlink()
    with pytest.raises(SessionLost, match="is unknown"):
        make().run(["read Z_ACLTST"], soon())
    assert "Starting session" not in site.node.said().rpartition("Connection from")[2]


def test_a_jump_host_is_checked_too(make: Make, site: Site) -> None:
    site.known_hosts.write_text(site.node.known_host(), "ascii")
    with pytest.raises(SessionLost, match=rf"\[127.0.0.1\]:{site.jump.port} is unknown"):
        make(site.hop(site.jump), site.hop(site.node)).run(["read Z_ACLTST"], soon())


def test_a_host_key_that_has_changed_is_refused_and_said(tmp_path: Path, site: Site) -> None:
    with running_sshd(tmp_path / "other", acl_command(site.services.addresses["acl"]), site.key) as server:
        known = tmp_path / "known_hosts"
        known.write_text(server.known_host(), "ascii")
        login = Login(str(site.key), str(known), agent=False)
        with check_leaks():
            session = SshSession(SshConnection([site.hop(server)], login, CLOCK), CLOCK)
            assert session.run(["read Z_ACLTST"], soon()) == TEN
            server.stop()
            server.change_host_key()
            server.start()
            with pytest.raises(AclTrouble):
                session.run(["read Z_ACLTST"], soon())
            with pytest.raises(SessionLost, match=r"host key of .* has changed: SHA256:.* somebody may be in between"):
                session.run(["read Z_ACLTST"], soon())
            known.write_text(server.known_host(), "ascii")
            assert session.run(["read Z_ACLTST"], soon()) == TEN
            session.close()


def test_a_key_that_the_host_does_not_know_is_refused_with_the_remedy(make: Make, site: Site, tmp_path: Path) -> None:
    stranger = make_key(tmp_path / "stranger")
    with pytest.raises(SessionLost, match=r"refuses the login \(.*\); name a key_file that it knows, or use an agent"):
        make(login=site.login(stranger)).run(["read Z_ACLTST"], soon())


def test_a_key_file_that_is_not_there_is_said(make: Make, site: Site, tmp_path: Path) -> None:
    with pytest.raises(SessionLost, match="No such file"):
        make(login=site.login(tmp_path / "absent")).run(["read Z_ACLTST"], soon())


def test_a_host_that_does_not_listen_is_said(make: Make, site: Site) -> None:
    with pytest.raises(SessionLost, match="Connection refused"):
        make(Hop("127.0.0.1", 1, USER)).run(["read Z_ACLTST"], soon())
    with pytest.raises(SessionLost, match=r"127.0.0.1:1: .*refused"):
        make(site.hop(site.jump), Hop("127.0.0.1", 1, USER)).run(["read Z_ACLTST"], soon())


def test_a_login_that_is_dropped_in_mid_answer_is_made_anew(make: Make, site: Site) -> None:
    session = make()
    assert session.run(["read Z_ACLTST"], soon()) == TEN
    site.services.faults.command("acl", "silent")
    dropped = threading.Event()

    def drop(_: StopToken) -> None:
        deadline = soon()
        count = len(site.services.acl.scripts)
        while len(site.services.acl.scripts) == count and CLOCK.monotonic() < deadline:
            time.sleep(0.01)
        assert site.node.drop_logins() > 0
        dropped.set()

    worker = Worker("dropping", drop)
    worker.start()
    begin = time.monotonic()
    with pytest.raises(SessionLost):
        session.run(["read Z_ACLTST"], soon())
    assert time.monotonic() - begin < 8.0
    assert dropped.wait(5.0)
    assert worker.stop(5.0)
    site.services.faults.command("acl", "none")
    assert session.run(["read Z_ACLTST"], soon()) == TEN
    assert session.reconnects == 1


def test_half_an_answer_is_none(make: Make, site: Site) -> None:
    session = make()
    assert session.run(["read Z_ACLTST"], soon()) == TEN
    site.services.faults.command("acl", "half")
    with pytest.raises(SessionLost, match="the interpreter ended"):
        session.run(["read Z_ACLTST"], soon())
    site.services.faults.command("acl", "none")
    assert session.run(["read Z_ACLTST"], soon()) == TEN


def test_a_late_answer_is_never_taken_for_the_next(make: Make, site: Site) -> None:
    session = make()
    assert session.run(["read Z_ACLTST"], soon()) == TEN
    site.services.faults.command("acl", "silent")
    with pytest.raises(TimedOut, match="does not answer in time"):
        session.run(["read G_AMANDA"], soon(0.5))
    assert not session.connected
    site.services.faults.command("acl", "none")
    assert session.run(["read Z_ACLTST"], soon()) == TEN


def test_what_is_closed_runs_no_more_and_frees_who_waits(make: Make, site: Site) -> None:
    session = make()
    assert session.run(["read Z_ACLTST"], soon()) == TEN
    site.services.faults.command("acl", "silent")
    freed = threading.Event()

    def call(_: StopToken) -> None:
        with pytest.raises(SessionLost):
            session.run(["read Z_ACLTST"], soon(60.0))
        freed.set()

    worker = Worker("caller", call)
    worker.start()
    time.sleep(0.3)
    session.close()
    assert freed.wait(2.0)
    assert worker.stop(2.0)
    with pytest.raises(SessionLost):
        session.run(["read Z_ACLTST"], soon())
    site.services.faults.command("acl", "none")


def test_noise_on_the_standard_error_is_drained_and_told_at_the_end(tmp_path: Path, site: Site, make: Make) -> None:
    noisy = "head -c 4000000 /dev/zero | tr '\\0' x >&2; printf '\\nACL> '; head -1; printf '\\nno more\\n' >&2; exit 3"
    with running_sshd(tmp_path / "noisy", noisy, site.key) as server:
        site.known_hosts.write_text(server.known_host(), "ascii")
        with pytest.raises(SessionLost, match=r"the interpreter ended( with exit code 3)?: .*no more"):
            make(site.hop(server)).run(["read Z_ACLTST"], soon())


def test_an_ssh_client_reads_with_one_command(site: Site) -> None:
    command = [
        program("ssh"), "-p", str(site.node.port), "-i", str(site.key), "-o", f"UserKnownHostsFile={site.known_hosts}",
        "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", f"{USER}@127.0.0.1", "acl 'read Z_ACLTST'",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False)
    assert (done.returncode, done.stdout) == (0, f"{TEN}\n"), done.stderr


def watched(stream: Subscription, seconds: float) -> list[float | None]:
    """The values of slot 0 that come in so many seconds; None for a reading without one."""
    found: list[float | None] = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        batch = stream.get(left)
        found += [value for slot, value in zip(batch.slot.tolist(), batch.value.tolist(), strict=True) if slot == 0]
        found += [None for other in batch.others if other.slot == 0]
    return found


def backend_of(site: Site, query: str) -> Backend:
    ssh = Ssh(key_file=str(site.key), known_hosts=str(site.known_hosts), agent=False)
    url = BackendUrl.parse(f"acl+ssh://{USER}@127.0.0.1:{site.node.port}?period=0.1&{query}")
    return open_backend("clx", url, CLOCK, Auth(ssh=ssh))


def test_a_watch_outlives_the_login_through_a_jump_host(site: Site) -> None:
    with check_leaks():
        backend = backend_of(site, f"timeout=3&jump=127.0.0.1:{site.jump.port}")
        stream = backend.watch([DataRequest.parse("Z_ACLTST@p,100"), DataRequest.parse("Z:NOTFND@p,100")])
        assert 10.0 in watched(stream, 3.0)
        site.node.drop_logins()
        found: list[float | None] = []
        deadline = time.monotonic() + 15.0
        while not (None in found and found[-1] == 10.0):
            assert time.monotonic() < deadline, found
            found += watched(stream, 0.5)
        health = backend.health()
        assert health.state is LinkState.UP
        assert health.reconnects >= 1
        assert health.last_error
        backend.close()


def test_the_agent_and_the_usual_files_are_used_without_a_key_file(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agent = subprocess.Popen(
        [program("ssh-agent"), "-D", "-a", str(tmp_path / "agent")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 5.0
        while not (tmp_path / "agent").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        monkeypatch.setenv("HOME", str(tmp_path))
        subprocess.run([program("ssh-add"), "-q", str(site.key)], check=True, timeout=10, stdin=subprocess.DEVNULL)
        with check_leaks():
            login = Login(known_hosts=str(site.known_hosts))
            session = SshSession(SshConnection([site.hop(site.node)], login, CLOCK), CLOCK)
            assert session.run(["read Z_ACLTST"], soon()) == TEN
            session.close()
    finally:
        agent.terminate()
        agent.wait(10)


def test_a_missing_server_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(AssertionError, match=r"no-such-sshd of OpenSSH is missing: `make test` installs it"):
        program("no-such-sshd")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"127.0.0.1 ssh-ed25519 AAAAnokey!!\n", "is unknown|holds no key"),
        (b"\xff\xfe\xfa\n", "it is no text"),
    ],
)
def test_a_file_of_known_hosts_that_cannot_be_read_is_said(make: Make, site: Site, content: bytes, said: str) -> None:
    site.known_hosts.write_bytes(content)
    with pytest.raises(SessionLost, match=said):
        make().run(["read Z_ACLTST"], soon())


def test_a_key_with_a_passphrase_is_refused_with_the_reason(make: Make, site: Site, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    command = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "secret", "-f", str(locked)]
    subprocess.run(command, check=True, timeout=10, stdin=subprocess.DEVNULL)
    with pytest.raises(SessionLost, match=r"cannot use the key .*: .*encrypted.*; one with a passphrase belongs in an"):
        make(login=site.login(locked)).run(["read Z_ACLTST"], soon())


def test_who_does_not_speak_ssh_is_said_in_one_sentence(
    make: Make, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = site.services.acl.address
    with pytest.raises(SessionLost, match="the connection ended; see whether an SSH server answers there"):
        make(Hop(host, port, USER)).run(["read Z_ACLTST"], soon(3.0))
    assert not caplog.records
