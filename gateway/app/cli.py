"""The command `acgate`: options and exit codes only; each subcommand is a file of `commands/`.

Exit codes: 0 done, 1 the work failed, 2 the input was wrong. No traceback reaches a user.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from gateway import __version__
from gateway.config.problems import suggestion
from gateway.core.errors import AcgateError, BadInput

COMMANDS = {  # each is a module of gateway.app.commands, imported only when it is called
    "demo": "the simulated central services and the gateway together, on loopback",
    "run": "the gateway, in the foreground",
    "check": "validate a configuration without touching the network; print every PV, or every error",
    "plan": "what a reload of the running gateway would add, remove and change, and how many clients it touches",
    "explain": "which backends serve a PV and why, and which layer would refuse a put",
    "backends": "what each kind of backend can do, and those of a configuration",
    "simulate": "the simulated central services alone",
    "read": "read from one backend directly, without EPICS",
    "write": "write to one backend directly, without EPICS",
    "watch": "print the readings of one backend as they come, without EPICS",
    "undo": "put one's own settings back to what they were, by the journal of puts",
    "journal": "the puts that the journal holds: who set what, when, and what became of it",
    "db": "make and upgrade the schema of a database, which nothing else does",
    "bench": "the project's own benchmarks",
}


class Command(Protocol):
    """What a module of `commands/` has."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the command."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the result is the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except SystemExit as ended:  # argparse, which has said what it had to say
        return ended.code if isinstance(ended.code, int) else 2
    except BadInput as error:
        return _failed(str(error), 2)
    except AcgateError as error:
        return _failed(str(error) or type(error).__name__, 1)
    except KeyboardInterrupt:
        return _failed("interrupted", 1)
    except BrokenPipeError:
        _drop_output()
        return 1
    except Exception as error:  # noqa: BLE001 - the end of the program: it reports, and no traceback reaches a user
        return _unexpected(error)


def _run(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name and not name.startswith("-") and name not in COMMANDS:
        raise BadInput(f"acgate: unknown command {name!r}; {suggestion(name, COMMANDS)}")
    command = cast("Command", import_module(f"gateway.app.commands.{name}")) if name in COMMANDS else None
    parser, subparsers = _parser()
    if command is None:
        parser.parse_args(arguments)  # --help and --version end here
        parser.print_help(sys.stderr)
        return 2
    command.add_options(subparsers[name])
    return command.run(parser.parse_args(arguments))


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog="acgate",
        description="The EPICS gateway of ACNET: every ACNET device as Channel Access process variables.",
        epilog="Exit codes: 0 done, 1 the work failed, 2 the input was wrong. ACGATE_DEBUG=1 shows tracebacks.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"acgate {__version__}")
    group = parser.add_subparsers(metavar="COMMAND", title="commands")
    subparsers = {
        name: group.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)
        for name, text in COMMANDS.items()
    }
    return parser, subparsers


def _failed(text: str, status: int) -> int:
    sys.stderr.write(f"{text}\n")
    return status


def _unexpected(error: Exception) -> int:
    if os.environ.get("ACGATE_DEBUG"):
        traceback.print_exception(error)
    said = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    return _failed(f"acgate: unexpected error, please report it: {said} (ACGATE_DEBUG=1 shows the traceback)", 1)


def _drop_output() -> None:
    """Let the interpreter's last flush of a closed pipe go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
