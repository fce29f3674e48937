"""The witness: a third party's client, `pacsys`, in a process and an environment of its own, told step by step.

It is run as it comes from PyPI and never imported: it judges the simulator as one who knows only the real services.
"""

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / ".venv-pacsys"
SCRIPT = Path(__file__).with_name("foreign_client.py")
REMEDY = "`make test` installs it from tests/pacsys-constraints.txt"
_PATIENCE = 30.0  # s for one step, beyond the time that the step itself takes

Answer = Any  # what a line of JSON says


class Witness:
    """One client process, alive as long as its `with`. Every step is answered, within bounded time."""

    def __init__(
        self,
        port: int = 0,
        *,
        role: str | None = None,
        timeout: float = 5.0,
        environment: Mapping[str, str] | None = None,
        service: str = "dpm",
        token: str | None = None,
        acl_url: str | None = None,
    ) -> None:
        self._arguments: dict[str, Any] = {"timeout": timeout, "service": service}
        if acl_url is not None:
            self._arguments |= {"base_url": acl_url, "service": "acl"}
        else:
            self._arguments |= {"host": "127.0.0.1", "port": port}
        if acl_url is None and service == "dpm":
            self._arguments["role"] = role
        self._arguments["kerberos"] = environment is not None
        self._arguments["token"] = token
        self._environment = {"PATH": os.environ.get("PATH", ""), "PYTHONWARNINGS": "ignore", **(environment or {})}
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process: subprocess.Popen[str] | None = None
        self._killed = False
        self.refused: Answer = None  # why the client would not begin

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [installed(), SCRIPT], env=self._environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
        )  # fmt: skip
        self.refused = self._answer(self._arguments, _PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.close()  # the end of the steps: the client closes its backend and ends
            code = process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the client does not end: {self._errors()}") from None
        finally:
            process.stdout.close()
            errors = self._errors()
            self._said.close()
        assert code == 0 or self._killed, f"the client ended with {code}: {errors}"

    def ask(self, verb: str, *words: object, seconds: float = 0.0) -> Answer:
        """Do one step of `foreign_client.Steps`, which itself may take `seconds`; its answer."""
        self.tell(verb, *words)
        return self.hear(seconds)

    def tell(self, verb: str, *words: object) -> None:
        """Begin a step, whose answer `hear` awaits."""
        self._write([verb, *words])

    def hear(self, seconds: float = 0.0) -> Answer:
        """The answer to the oldest step that was told."""
        return self._read(seconds + _PATIENCE)

    def get(self, drf: str) -> Answer:
        """One reading, as `foreign_client.reading` has it."""
        return self.ask("get", drf)

    def get_many(self, *drfs: str) -> list[Answer]:
        """Many readings in one call, in order."""
        came = self.ask("get_many", list(drfs))
        assert isinstance(came, list), came
        return came

    def write(self, drf: str, value: object, seconds: float = 0.0) -> Answer:
        """One setting; the result as `foreign_client.result` has it."""
        return self.ask("write", drf, value, seconds=seconds)

    def stream(self, drfs: list[str], seconds: float) -> Answer:
        """What a subscription brings in a time."""
        return self.ask("stream", drfs, seconds, seconds=seconds)

    @property
    def pid(self) -> int:
        """The process of the client."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End the client as a machine does that loses power; it cannot be asked any more."""
        assert self._process is not None
        self._killed = True
        self._process.kill()

    def _answer(self, line: object, seconds: float) -> Answer:
        self._write(line)
        return self._read(seconds)

    def _write(self, line: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def _read(self, seconds: float) -> Answer:
        assert self._process is not None
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"the client does not answer: {self._errors()}"
        line = self._process.stdout.readline()
        assert line, f"the client has ended: {self._errors()}"
        return json.loads(line)

    def _errors(self) -> str:
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace")[-4000:]


def installed(place: Path = VENV) -> Path:
    """The Python that has the client; fails, with the remedy, where it is not installed."""
    python = place / "bin" / "python"
    assert python.exists(), f"the third-party client pacsys is not installed in {place.name}; {REMEDY}"
    for package in ("pacsys", "gssapi"):
        found = list(place.glob(f"lib/python*/site-packages/{package}-*.dist-info"))
        assert found, f"{package} is missing in {place.name}; {REMEDY}"
    return python


def of(device: str, answer: Answer) -> list[Answer]:
    """The readings of one device in what a stream brought."""
    return [one for one in answer["readings"] if one["name"] == device]


def steps(readings: list[Answer]) -> set[int]:
    """The distances between the stamps of successive readings, in ms."""
    return {later - earlier for earlier, later in pairwise(one["stamp_ms"] for one in readings)}
