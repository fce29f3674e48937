"""`acgate check`: every PV that a configuration makes, or every error in it, without touching the network."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.app.config_file import read_config
from gateway.app.credentials_check import lacks
from gateway.app.describe import describe_offline
from gateway.app.policies import notes_of_policies, policies_of
from gateway.app.rules import notes_of, read_acf
from gateway.config.config import Config
from gateway.config.models import json_schema
from gateway.core.errors import BadInput
from gateway.plan.build import build_plan
from gateway.plan.family import family
from gateway.plan.model import DevicePlan, Plan, PvSpec
from gateway.runtime.clock import SystemClock


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `check`."""
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="configuration file (YAML)")
    parser.add_argument("--json", action="store_true", help="one JSON document in place of the table")
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of configuration files, for editors"
    )


def run(args: argparse.Namespace) -> int:
    """Print the PVs on stdout, warnings on stderr; 1 when some can never have a value, errors raise BadInput."""
    if args.schema:
        print(json.dumps(json_schema(), indent=2))
        return 0
    if args.config is None:
        raise BadInput("acgate check: name a configuration file, or --schema")
    config = read_config(args.config)
    infos = describe_offline(config)
    plan, warnings = build_plan(config, infos)
    if config.gateway.access_file is not None:
        warnings += notes_of(read_acf(Path(args.config).parent / config.gateway.access_file), plan)
    policies_of(config)
    warnings += notes_of_policies(config, plan)
    warnings += _unasked(config, len(infos))
    found = lacks(config, SystemClock())
    warnings += [lack.sentence for lack in found]
    for sentence in (*config.notes, *warnings):
        print(f"warning: {sentence}", file=sys.stderr)
    if args.json:
        _print_json(plan, [*config.notes, *warnings])
    else:
        _print_table(plan)
    return 1 if any(lack.fatal for lack in found) else 0


def _unasked(config: Config, known: int) -> Iterator[str]:
    """What run will know and this command does not, since it touches no network."""
    if config.metadata is not None and config.metadata.url.scheme != "sim":
        devices = len({device.request.device for device in config.devices})
        yield f"the device database is not asked here: {known} of {devices} devices are known, by its cache"
    elif config.metadata is None and any(backend.url.scheme != "sim" for backend in config.backends.values()):
        yield "the services are not asked here: run leaves out the PVs of properties that a device lacks"


def _lines(plan: Plan) -> Iterator[tuple[DevicePlan, PvSpec, str, str]]:
    """Device, PV, data request and route of every PV."""
    for device in plan.devices.values():
        route = device.route.text(device.writable)
        for spec in family(plan, device):
            if spec.row >= 0:
                yield device, spec, str(plan.watches[spec.row].request), route
            else:
                yield device, spec, str(spec.write) if spec.write else "", route


def _type(spec: PvSpec) -> str:
    return spec.type.value if spec.length == 1 else f"{spec.type.value}[{spec.length}]"


def _print_table(plan: Plan) -> None:
    rows = [("PV", "TYPE", "PUT", "DRF", "ROUTE")]
    for _, spec, drf, route in _lines(plan):
        put = "" if not spec.writable else "yes" if plan.writes else "off"
        rows.append((spec.name, _type(spec), put, drf or "-", route))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"{len(rows) - 1} PVs of {len(plan.devices)} devices, {len(plan.watches)} requests")
    for group in plan.groups:
        how = "all or nothing" if group.precheck else "each by itself"
        print(f"GRP:{group.name}:EXECUTE puts to {', '.join(group.members)}, {how}")
    if not plan.writes and any(device.writable for device in plan.devices.values()):
        print("every put is refused: gateway.writes is off")


def _print_json(plan: Plan, warnings: list[str]) -> None:
    pvs = [
        {
            "name": spec.name,
            "type": spec.type.value,
            "length": spec.length,
            "writable": spec.writable and plan.writes,
            "drf": drf or None,
            "write": str(spec.write) if spec.write else None,
            "route": {"read": device.route.read, "write": device.route.write if device.writable else []},
            "labels": list(spec.labels),
            "units": spec.units,
            "place": device.place,
        }
        for device, spec, drf, _ in _lines(plan)
    ]
    print(json.dumps({"gateway": plan.gateway, "writes": plan.writes, "pvs": pvs, "warnings": warnings}))
