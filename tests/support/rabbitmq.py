"""A real RabbitMQ on loopback, with folders, ports, a node name and a cookie of its own.

Nothing of the machine's own broker is read, written or spoken to: the server's own script is called, not the wrapper
on the path, and its `epmd`, the one process that outlives a node, is of the suite and ended by it (dmq.md 10.2).
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.kdc import free_port

_SCRIPTS = Path("/usr/lib/rabbitmq/bin")  # where Debian keeps the server's own scripts
_ATTEMPTS = 3  # to get ports that are free
_PATIENCE = 60.0  # s to begin, and to end
_REMEDY = "`make test` installs it (tools/system-packages.sh)"


class RabbitMq:
    """A broker that can be killed and started again on the same port."""

    def __init__(self, folder: Path, port: int, epmd_port: int, distribution_port: int) -> None:
        self.port, self._folder = port, folder
        self._node: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        (folder / "env").write_text("")
        (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\nlog.file.level = warning\n")
        (folder / "enabled_plugins").write_text("[].\n")
        (folder / ".erlang.cookie").write_text("only-for-this-test")
        (folder / ".erlang.cookie").chmod(0o400)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ", "ERL_"))},
            "HOME": str(folder),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_NODENAME": f"acgate{port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(epmd_port),
        }

    @property
    def url(self) -> str:
        """What `acgate simulate --amqp` takes."""
        return f"amqp://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Serve; ready when the port accepts."""
        if self._epmd is None:
            epmd = shutil.which("epmd")
            assert epmd, f"epmd, of the package erlang-base, is missing: {_REMEDY}"
            self._epmd = self._process([epmd], "epmd.out")
        self._node = self._process([str(script("rabbitmq-server"))], "node.out")
        self._await_listening()

    def _process(self, command: list[str], said: str) -> subprocess.Popen[bytes]:
        with (self._folder / said).open("ab") as output:
            return subprocess.Popen(
                command, env=self._environment, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )  # fmt: skip

    def _await_listening(self) -> None:
        assert self._node is not None
        deadline = time.monotonic() + _PATIENCE
        while True:
            assert self._node.poll() is None, f"RabbitMQ did not start: {self._said()}"
            assert time.monotonic() < deadline, f"RabbitMQ does not listen: {self._said()}"
            if self._listens():
                return
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _said(self) -> str:
        return (self._folder / "node.out").read_text("utf-8", "replace")[-2000:]

    def count(self, what: str) -> int:
        """How many `channels`, `queues`, `exchanges` or `connections` there are; the broker's own are not counted."""
        rows = self.control(f"list_{what}", "pid" if what == "connections" else "name").splitlines()
        own = ("amq.", "(") if what == "exchanges" else ()
        return sum(1 for row in rows if row.strip() and not row.startswith(own))

    def queues(self) -> list[str]:
        """The names of all queues."""
        return [row for row in self.control("list_queues", "name").splitlines() if row]

    def control(self, *words: str) -> str:
        """What `rabbitmqctl` says, without its headings."""
        plain = ["--no-table-headers"] if words[0].startswith("list_") else []
        done = subprocess.run(
            [str(script("rabbitmqctl")), "-q", *words, *plain], env=self._environment,
            cwd=self._folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"rabbitmqctl {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def kill(self) -> None:
        """End the broker as a machine does that loses power, and nothing else."""
        if self._node is not None:
            os.killpg(self._node.pid, signal.SIGKILL)
            self._node.wait(_PATIENCE)
            self._node = None
            deadline = time.monotonic() + _PATIENCE
            while self._listens():  # the script was waited for; the machine it started may take a moment longer
                assert time.monotonic() < deadline, "RabbitMQ was killed and still listens"
                time.sleep(0.02)

    def pause(self) -> None:
        """Let it hang: its connections stay, nothing moves."""
        assert self._node is not None
        os.killpg(self._node.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """The end of `pause`."""
        assert self._node is not None
        os.killpg(self._node.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End all of it. Safe to call twice."""
        self.kill()
        if self._epmd is not None:
            self._epmd.terminate()
            self._epmd.wait(_PATIENCE)
            self._epmd = None


def script(name: str) -> Path:
    """One of the server's own scripts; fails with how to get it."""
    found = _SCRIPTS / name
    assert found.exists(), f"{found}, of the package rabbitmq-server, is missing: {_REMEDY}"
    return found


@contextmanager
def running_rabbitmq(folder: Path) -> Iterator[RabbitMq]:
    """A broker that lives as long as the block. Where a port was taken meanwhile it begins anew, with others."""
    for attempt in range(_ATTEMPTS):
        place = folder / f"rabbitmq{attempt}"
        place.mkdir()
        broker = RabbitMq(place, free_port(), free_port(), free_port())
        try:
            broker.start()
        except AssertionError:
            broker.stop()
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            break
    try:
        yield broker
    finally:
        broker.stop()
