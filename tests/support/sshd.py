"""A real OpenSSH server on loopback, with keys, a config and a port of its own, for tests of ACL over SSH.

Nothing of the machine's own SSH is read or written. Whoever logs in gets the command that the test chose.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.kdc import REALM, Kdc

USER = getpass.getuser()
HOST_SERVICE = f"host/localhost@{REALM}"
_PLACES = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # where Debian keeps it, often not in PATH
_PATIENCE = 10.0  # s for any of the programs
_ATTEMPTS = 5  # to get a port
_SEPARATION = Path("/run/sshd")  # which sshd wants when root starts it

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding local
PermitOpen 127.0.0.1:* localhost:*
X11Forwarding no
AllowAgentForwarding no
MaxStartups 100
LogLevel VERBOSE
ForceCommand {command}
"""
_KERBEROS = "GSSAPIAuthentication yes\nGSSAPIStrictAcceptorCheck no\n"
_PATIENT = "PerSourcePenalties no\n"  # 9.8 and newer: whoever failed to log in before is let try again


def program(name: str) -> str:
    """Where a program of OpenSSH is; fails with how to get it."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *_PLACES)))
    assert found, f"{name} of OpenSSH is missing: `make test` installs it (tools/system-packages.sh)"
    return found


def make_key(path: Path, kind: str = "ed25519") -> Path:
    """A new key pair without a passphrase; the public one is beside it."""
    path.unlink(missing_ok=True)
    command = [program("ssh-keygen"), "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL)
    return path


def acl_command(simulator: str) -> str:
    """The command that makes a login the interpreter of a running simulator, by the address of its CGI."""
    return f"exec {sys.executable} -m simulator.acl_shell --simulator {simulator}"


class Sshd:
    """A server whose only user is who runs the test, with the key `client_key`, or a ticket where `kdc` is given."""

    def __init__(self, folder: Path, command: str, client_key: Path, kdc: Kdc | None = None) -> None:
        folder.mkdir()
        self.folder, self.port, self._command, self._kdc = folder, 0, command, kdc
        shutil.copy(client_key.with_suffix(".pub"), folder / "authorized_keys")
        if kdc is not None:
            kdc.add(HOST_SERVICE, folder / "host.keytab")
        self.change_host_key()
        self._process: subprocess.Popen[bytes] | None = None

    def change_host_key(self) -> None:
        """Be another machine, from the next start on."""
        make_key(self.folder / "host_key")

    def known_host(self) -> str:
        """Its line for known_hosts."""
        kind, key, _ = (self.folder / "host_key.pub").read_text("ascii").split()
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"

    def start(self) -> None:
        """Serve, on the port of the last time where there was one."""
        if os.geteuid() == 0:
            _SEPARATION.mkdir(mode=0o755, exist_ok=True)
        for _ in range(_ATTEMPTS):
            self.port = self.port or _free_port()
            config = self._written_config()
            with (self.folder / "log").open("ab") as said:
                self._process = subprocess.Popen(
                    [program("sshd"), "-D", "-e", "-f", str(config)], env=self._environment(),
                    stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                )  # fmt: skip
            if self._answers():
                return
            self.port = 0
        raise AssertionError(f"sshd did not start: {self.said()}")

    def _environment(self) -> dict[str, str]:
        kerberos = {} if self._kdc is None else self._kdc.environment
        return {**os.environ, **kerberos, "KRB5_KTNAME": f"FILE:{self.folder / 'host.keytab'}"}

    def _written_config(self) -> Path:
        """The config, with the word that older servers do not know where it is known."""
        config = self.folder / "sshd_config"
        plain = _CONFIG.format(port=self.port, folder=self.folder, command=self._command)
        plain += "" if self._kdc is None else _KERBEROS
        for text in (_PATIENT + plain, plain):
            config.write_text(text, "utf-8")
            checked = subprocess.run([program("sshd"), "-t", "-f", str(config)], capture_output=True, timeout=_PATIENCE)
            if checked.returncode == 0:
                break
        return config

    def _answers(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + _PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                probe.settimeout(1.0)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0 and probe.recv(4) == b"SSH-":
                    return True
            time.sleep(0.02)
        self.stop()
        return False

    def said(self) -> str:
        """Its log."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def logins(self) -> list[psutil.Process]:
        """The processes of its sessions, those of the interpreter among them."""
        assert self._process is not None
        return psutil.Process(self._process.pid).children(recursive=True)

    def drop_logins(self) -> int:
        """End every session as a machine does that goes away; how many processes there were."""
        found = self.logins()
        for process in found:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:  # it ended with its parent
                continue
        psutil.wait_procs(found, _PATIENCE)
        return len(found)

    def stop(self) -> None:
        """End it and its sessions. Safe to call twice."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self.drop_logins()
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_PATIENCE)
        self._process = None


@contextmanager
def running_sshd(folder: Path, command: str, client_key: Path, kdc: Kdc | None = None) -> Iterator[Sshd]:
    """A server that lives as long as the block."""
    server = Sshd(folder, command, client_key, kdc)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
