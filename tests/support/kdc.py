"""A real MIT KDC on loopback, with a folder, a port and a realm of its own, for tests that need tickets.

Nothing of the machine's own Kerberos is read or written: its children find everything through `environment`.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

REALM = "FNAL.GOV"
USER = f"user1@{REALM}"
SERVICE = f"daeset/bd/localhost@{REALM}"
DMQ_SERVICE = f"daeset/bd/dmq.fnal.gov@{REALM}"  # fixed in clients, whatever the host (dmq.md 4.1)
_PASSWORD = "only for this test"
_PLACES = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # where Debian keeps a KDC, often not in PATH
_ATTEMPTS = 5  # to get a port that is free for both TCP and UDP
_PATIENCE = 10.0  # s for any of the programs

_KRB5_CONF = """\
[libdefaults]
    default_realm = {realm}
    dns_lookup_realm = false
    dns_lookup_kdc = false
    dns_canonicalize_hostname = false
    rdns = false
    ticket_lifetime = 1h
    k5login_directory = {folder}
    kdc_timesync = 0
[realms]
    {realm} = {{
        kdc = 127.0.0.1:{port}
        auth_to_local_names = {{
            user1 = {login}
        }}
    }}
[domain_realm]
    localhost = {realm}
"""
_KDC_CONF = """\
[kdcdefaults]
    kdc_listen = 127.0.0.1:{port}
    kdc_tcp_listen = 127.0.0.1:{port}
[realms]
    {realm} = {{
        database_name = {folder}/principal
        key_stash_file = {folder}/stash
        acl_file = {folder}/acl
        max_life = 2h
        supported_enctypes = aes256-cts-hmac-sha1-96:normal
    }}
[logging]
    kdc = FILE:{folder}/kdc.log
    admin_server = FILE:{folder}/admin.log
"""


def program(name: str) -> str:
    """Where a Kerberos program is; fails with how to get it."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *_PLACES)))
    assert found, f"the Kerberos program {name} is missing: `make test` installs it (tools/system-packages.sh)"
    return found


class Kdc:
    """A running KDC with the principals `USER`, `SERVICE` and `DMQ_SERVICE`; `keytab` has the keys of the services."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.keytab = folder / "service.keytab"
        self.user_keytab = folder / "user.keytab"
        self._process: subprocess.Popen[bytes] | None = None
        places = {"folder": folder, "port": port, "realm": REALM, "login": getpass.getuser()}
        (folder / "krb5.conf").write_text(_KRB5_CONF.format(**places), "utf-8")
        (folder / "kdc.conf").write_text(_KDC_CONF.format(**places), "utf-8")
        (folder / "acl").write_text("", "utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """What a child needs to find this KDC, its ticket and, for a service, its key; nothing else of Kerberos."""
        return {
            "KRB5_CONFIG": str(self.folder / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"),
            "KRB5CCNAME": f"FILE:{self.folder / 'tickets'}",
            "KRB5_KTNAME": f"FILE:{self.keytab}",
            "KRB5RCACHEDIR": str(self.folder),
        }

    def create(self) -> None:
        """Make the database, the principals and the keytabs."""
        self._call("kdb5_util", "create", "-s", "-r", REALM, "-P", _PASSWORD)
        for principal, keytab in (
            (USER, self.user_keytab), (SERVICE, self.keytab), (DMQ_SERVICE, self.keytab),
        ):  # fmt: skip
            self.add(principal, keytab)

    def add(self, principal: str, keytab: Path, life: str = "1h") -> Path:
        """Make a principal whose tickets live that long at most; its key goes into the keytab, beside others."""
        self.administer(f"addprinc -randkey -maxlife {life} {principal}")
        self.administer(f"ktadd -k {keytab} {principal}")
        return keytab

    def administer(self, command: str) -> str:
        """What kadmin.local is told, and what it says."""
        return self._call("kadmin.local", "-r", REALM, "-q", command)

    def start(self) -> bool:
        """Serve; False when the port was taken meanwhile."""
        environment = {**_plain_environment(), **self.environment}
        with (self.folder / "kdc.out").open("wb") as said:
            command = [program("krb5kdc"), "-n", "-r", REALM]
            self._process = subprocess.Popen(
                command, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        return self._answers()

    def _answers(self) -> bool:
        """Wait until the port accepts, or the process has ended."""
        assert self._process is not None
        deadline = time.monotonic() + _PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                probe.settimeout(0.2)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return True
            time.sleep(0.02)
        self.stop()
        return False

    def login(self, principal: str = USER, keytab: Path | None = None, cache: Path | None = None) -> None:
        """Get a fresh ticket; without further words for `USER`, and children with `environment` then have it."""
        place = ("-c", f"FILE:{cache}") if cache else ()
        self._call("kinit", *place, "-k", "-t", str(keytab or self.user_keytab), principal)

    def tickets(self) -> str:
        """What klist says: the tickets that were got so far."""
        return self._call("klist")

    def stop(self) -> None:
        """End it. Safe to call twice."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(_PATIENCE)
            self._process = None

    def _call(self, name: str, *arguments: str) -> str:
        done = subprocess.run(
            [program(name), *arguments], env={**_plain_environment(), **self.environment}, cwd=self.folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{name} failed: {done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def running_kdc(folder: Path) -> Iterator[Kdc]:
    """A KDC that lives as long as the block, its user logged in."""
    for attempt in range(_ATTEMPTS):
        place = folder / f"kdc{attempt}"
        place.mkdir()
        kdc = Kdc(place, free_port())
        kdc.create()
        if kdc.start():
            break
    else:
        log = (place / "kdc.log").read_text("utf-8") if (place / "kdc.log").exists() else ""
        raise AssertionError(f"krb5kdc did not start: {(place / 'kdc.out').read_text('utf-8')}{log}")
    try:
        kdc.login()
        yield kdc
    finally:
        kdc.stop()


def free_port() -> int:
    """A port that is free for TCP and UDP on loopback now."""
    for _ in range(100):
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            stream.bind(("127.0.0.1", 0))
            port: int = stream.getsockname()[1]
            try:
                datagram.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free for both TCP and UDP")


def _plain_environment() -> Mapping[str, str]:
    """The environment without what the machine says about Kerberos."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KRB5")}
