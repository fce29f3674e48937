"""A real PostgreSQL on loopback, with a folder and a port of its own; its programs refuse to run as root."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.ca_client import free_port

PATIENCE = 60.0  # s until it serves, on a machine that does other things, too
_ATTEMPTS = 5  # to get a port that is still free


def program(name: str) -> str:
    """Where a program of PostgreSQL is; fails with how to get it."""
    places = [os.environ.get("PATH", ""), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
    found = shutil.which(name, path=os.pathsep.join(places))
    assert found, f"the PostgreSQL program {name} is missing: `make test` installs it (tools/system-packages.sh)"
    return found


def _as_somebody() -> dict[str, Any]:
    """How to start a process that is not root's."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    """One server with the database `postgres`; it can be ended and started again on the same port."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"postgresql://acgate:secret@127.0.0.1:{port}/postgres"
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make its files and the user `acgate`."""
        (password := self.folder / "password").write_text("secret\n")
        password.chmod(0o644)
        made = subprocess.run(
            [program("initdb"), "-D", str(self.folder / "data"), "-U", "acgate", "--auth=scram-sha-256",
             f"--pwfile={password}", "--encoding=UTF8", "--locale=C", "--no-sync"],
            cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, **_as_somebody(),
        )  # fmt: skip
        assert made.returncode == 0, made.stderr

    def start(self) -> bool:
        """Serve; False when it ended, since the port was taken meanwhile."""
        with (self.folder / "log").open("ab") as said:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), "-h", "127.0.0.1",
                 "-k", "", "-c", "fsync=off"],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said, **_as_somebody(),
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            if b"ready to accept connections" in (self.folder / "log").read_bytes().rpartition(b"starting Postgre")[2]:
                return True
            time.sleep(0.05)
        return False

    def stop(self) -> None:
        """End it at once, as SIGINT does; clients that are connected lose their link."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(PATIENCE)
            self._process = None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server as long as the block lasts; its folder is where its user may go, too."""
    folder = Path(tempfile.mkdtemp(prefix="acgate-postgres-"))
    try:
        if (somebody := _as_somebody()) != {}:
            os.chown(folder, somebody["user"], somebody["group"])
        server = Postgres(folder, free_port())
        server.create()
        for _ in range(_ATTEMPTS):
            if server.start():
                break
            server = Postgres(folder, free_port())
        else:
            raise AssertionError((folder / "log").read_text("utf-8", "replace"))
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
