"""`acgate plan`: what a reload of the running gateway would add, remove and change, and how many clients it touches."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from gateway.app.asking_plan import ask_plan
from gateway.app.config_file import read_digested
from gateway.core.errors import AcgateError, BadInput

_SHOWN = 12  # names in a line; --json has all
_VERBS = {"added": "add", "removed": "remove", "changed": "change", "described": "describe anew"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `plan`."""
    parser.add_argument("config", metavar="CONFIG", help="configuration file that the gateway runs with, as it is now")
    parser.add_argument("--gateway", metavar="NAME", help="name of the gateway that runs, where CONFIG changes it")
    parser.add_argument("--json", action="store_true", help="one JSON document in place of the text")


def run(args: argparse.Namespace) -> int:
    """Print what the running gateway says; BadInput where the configuration is wrong, or not the gateway's."""
    config, digest = read_digested(args.config)
    gateway = args.gateway or config.gateway.name
    found = ask_plan(gateway)
    if found.get("wrong"):
        raise BadInput(found["error"])
    if "error" in found:
        raise AcgateError(found["error"])
    if found.pop("digest") != digest:
        raise BadInput(
            f"{args.config}: {gateway} would read {found['file']} again, which says something else; name that"
        )
    for sentence in found["warnings"]:
        print(f"warning: {sentence}", file=sys.stderr)
    if args.json:
        print(json.dumps({"gateway": gateway, **found}))
    else:
        print("\n".join(_lines(gateway, args.config, found)))
    return 0


def _lines(gateway: str, file: str, found: dict[str, Any]) -> Iterator[str]:
    yield f"a reload of {gateway} reads {file} again and would"
    for kind, verb in _VERBS.items():
        if count := found["counts"][kind]:
            yield f"  {verb} {count} {'device' if count == 1 else 'devices'}"
            for devices, why in _groups(found[kind]):
                yield f"    {_names(devices)}{f': {why}' if why else ''}"
    if not any(found["counts"].values()):
        yield "  change nothing"
    clients = found["clients"]
    lose = "no client loses" if not clients else "1 client loses" if clients == 1 else f"{clients} clients lose"
    yield f"{lose} channels; whoever has only other devices notices nothing"
    if found["restart"]:
        yield f"only a restart changes {', '.join(found['restart'])}"


def _groups(entries: list[Any]) -> Iterator[tuple[list[str], str]]:
    """Names, and what changes of them; of what comes or goes all names."""
    if entries and isinstance(entries[0], str):
        yield entries, ""
        return
    for entry in entries:
        yield entry["devices"], "; ".join(entry["why"])


def _names(devices: list[str]) -> str:
    shown = ", ".join(devices[:_SHOWN])
    left = len(devices) - _SHOWN
    return f"{shown} and {left} more" if left > 0 else shown
