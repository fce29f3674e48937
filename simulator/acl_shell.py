"""The interpreter as a login program: `python -m simulator.acl_shell --simulator URL`, run by an SSH server.

It does what a console node does for ACL (acl.md 7): `acl` talks, `acl COMMAND...` and `acl FILE` run one script, and
`mktemp`, `cat > FILE` and `rm -f FILE` are understood for script files. What to do is its arguments, or else what the
SSH server says the client asked for. Everything that is read comes from the running simulator.
"""

import argparse
import http.client
import os
import re
import secrets
import shlex
import string
import sys
import tempfile
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from gateway.wire.acl_terminal import AclInterpreterEnd

_PATIENCE_S = 60.0  # for the simulator to answer
_FOLDER = Path(tempfile.gettempdir())
_FILE = re.compile(r"[A-Za-z0-9_-]+\.acl")
_NAMING = string.ascii_letters + string.digits
_NOT_FOUND = 127


class _Cut(Exception):
    """The answer broke off; `text` is what there is of it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Facility:
    """The running simulator, by the address of its CGI."""

    def __init__(self, address: str) -> None:
        self._place = urlsplit(address)

    def run(self, script: str) -> str:
        """What the commands print. _Cut when the simulator breaks off, as a login does that is dropped."""
        link = http.client.HTTPConnection(self._place.hostname or "", self._place.port, timeout=_PATIENCE_S)
        try:
            link.request("POST", self._place.path, script.encode("utf-8", "surrogateescape"))
            answer = link.getresponse()
            return answer.read().decode("utf-8", "replace")
        except http.client.IncompleteRead as broken:
            raise _Cut(broken.partial.decode("utf-8", "replace")) from None
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(f"the simulator does not answer: {error}\n") from None
        finally:
            link.close()


def talk(facility: Facility, source: BufferedReader, sink: BinaryIO, banner: str = "") -> int:
    """The interactive interpreter, until the input ends."""
    far = AclInterpreterEnd(banner)
    _write(sink, far.greeting())
    while data := source.read1(65536):
        for command in far.receive(data):
            if command.strip() in ("exit", "quit"):
                return 0
            try:
                output = facility.run(command) if command.strip() else ""
            except _Cut as cut:
                _write(sink, far.answer(command, cut.text).rpartition(b"\nACL> ")[0])
                return 1
            _write(sink, far.answer(command, output))
    return 0


def run_script(facility: Facility, lines: list[str], sink: BinaryIO) -> int:
    """One script: its output between echoes, as it comes from a file; 1 when it failed (acl.md 7.3)."""
    for line in lines:
        try:
            output = facility.run(line)
        except _Cut as cut:
            _write(sink, cut.text.encode())
            return 1
        _write(sink, f"ACL> {line}\n\n{output.rstrip()}\n\n".encode())
        if " - " in output and "=" not in output.splitlines()[-1]:
            return 1
    return 0


def _write(sink: BinaryIO, data: bytes) -> None:
    sink.write(data)
    sink.flush()


def _script_file(text: str) -> Path | None:
    """A script file of ours; None for every other path."""
    path = Path(text)
    return path if path.parent == _FOLDER and _FILE.fullmatch(path.name) else None


def _made(prefix: str) -> Path:
    """A new empty script file, named as mktemp names one: with letters and digits, which clients look for."""
    while True:
        path = _FOLDER / f"{prefix}{''.join(secrets.choice(_NAMING) for _ in range(8))}.acl"
        try:
            path.touch(0o600, exist_ok=False)
        except FileExistsError:  # as good as never
            continue
        return path


def obey(facility: Facility, words: list[str], source: BufferedReader, sink: BinaryIO) -> int:
    """Do what a client asks for; the exit code."""
    match words:
        case ["acl"]:
            return talk(facility, source, sink)
        case ["acl", name] if (path := _script_file(name)) and path.exists():
            return run_script(facility, path.read_text("utf-8").splitlines(), sink)
        case ["acl", *command]:
            try:
                _write(sink, facility.run(" ".join(command)).encode())
            except _Cut as cut:
                _write(sink, cut.text.encode())
                return 1
            return 0
        case ["mktemp", "--suffix=.acl", template] if _script_file(template.rstrip("X") + "x.acl"):
            _write(sink, f"{_made(Path(template).name.rstrip('X'))}\n".encode())
            return 0
        case ["cat", ">", name] if path := _script_file(name):
            path.write_bytes(source.read())
            return 0
        case ["rm", "-f", name] if path := _script_file(name):
            path.unlink(missing_ok=True)
            return 0
    sys.stderr.write(f"{shlex.join(words)}: not found; there is acl, acl COMMAND and acl FILE\n")
    return _NOT_FOUND


def main(argv: list[str] | None = None) -> int:
    """The login program."""
    parser = argparse.ArgumentParser(prog="simulator.acl_shell", description="The simulated interpreter of ACL.")
    parser.add_argument("--simulator", metavar="URL", required=True, help="the CGI of a running `acgate simulate`")
    parser.add_argument("words", metavar="WORD", nargs="*", help="what to do; default: what the SSH client asked for")
    args = parser.parse_args(argv)
    try:
        words = args.words or shlex.split(os.environ.get("SSH_ORIGINAL_COMMAND", "acl")) or ["acl"]
    except ValueError as error:
        sys.stderr.write(f"the command cannot be understood: {error}\n")
        return _NOT_FOUND
    with open(0, "rb", closefd=False) as source:
        return obey(Facility(args.simulator), words, source, sys.stdout.buffer)


if __name__ == "__main__":
    sys.exit(main())
