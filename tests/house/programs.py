"""`acgate` as a user starts it, for the tests of the house: started in a folder, ended by SIGINT."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.house.tree import ROOT

PATIENCE = 30.0  # s to begin, and to end


@dataclass(frozen=True, slots=True)
class Running:
    """A program that said it is ready."""

    ready: Mapping[str, str | int]


def free_port() -> int:
    """A port that was free a moment ago for UDP and TCP."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
        link.bind(("127.0.0.1", 0))
        return int(link.getsockname()[1])


@contextmanager
def start(folder: Path, words: Sequence[str], environment: Mapping[str, str]) -> Iterator[Running]:
    """Run `acgate` with these words until the end of the `with`; it must end cleanly."""
    ready, log = folder / f"{words[0]}.ready", folder / f"{words[0]}.log"
    command = [sys.executable, "-m", "gateway", *words, "--ready-file", str(ready)]
    with log.open("w") as output:
        program = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + PATIENCE
            while not ready.exists():
                assert program.poll() is None, log.read_text("utf-8")
                assert time.monotonic() < deadline, log.read_text("utf-8")
                time.sleep(0.05)
            yield Running(json.loads(ready.read_text("utf-8")))
            program.send_signal(signal.SIGINT)
            assert program.wait(PATIENCE) == 0, log.read_text("utf-8")
        finally:
            if program.poll() is None:
                program.kill()
                program.wait()
