"""`acgate demo`: the simulated central services and the gateway together, on loopback, writes enabled."""

import argparse
import asyncio
import logging
import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from gateway.app.commands.run import serve_until
from gateway.app.compose import Ready
from gateway.app.ending import Stopped, StopSignal
from gateway.app.opening import gateway_of
from gateway.app.ready_file import write_ready
from gateway.config.load import load
from gateway.core.errors import BadInput
from gateway.runtime.clock import SystemClock
from simulator.facility import Facility, shipped_facility
from simulator.services import Services

HOST = "127.0.0.1"
SERVICES = {  # by the keys of a ready file: the usual port, and what it is
    "dpm_http": (6802, "the simulated DPM"),
    "dpm_grpc": (50051, "the simulated DPM over gRPC"),
    "devdb": (50052, "the simulated device database"),
    "acl": (8081, "the simulated ACL"),
}
CA_PORT = 5064


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `demo`."""
    parser.add_argument("--ready-file", metavar="F", help="written as JSON once everything listens")


def run(args: argparse.Namespace) -> int:
    """Serve the shipped facility until a signal ends it."""
    logging.basicConfig(level=logging.ERROR)  # some devices of the facility fail on purpose: their PVs say so
    facility = shipped_facility()
    environment = dict(os.environ)
    clock = SystemClock()
    ca_port = _ca_port(environment)
    environment["EPICS_CAS_SERVER_PORT"] = str(ca_port)
    services = Services(facility, clock, {key: _free(port, what) for key, (port, what) in SERVICES.items()})
    services.start()
    try:
        with StopSignal() as stop, suppress(Stopped):
            config = load(demo_config(facility, services.addresses), "demo", {}, _no_include)
            gateway = gateway_of(config, clock, environment, stop)

            def ready(what: Ready) -> None:
                if args.ready_file:
                    write_ready(args.ready_file, ca_port=what.ca_port, pvs=what.pvs, **services.addresses)
                print(welcome(what, services.addresses), flush=True)

            asyncio.run(serve_until(stop, gateway, ready))
    finally:
        services.stop()
    return 0


def demo_config(facility: Facility, addresses: Mapping[str, str]) -> str:
    """The configuration of the demo: every device of the facility, over DPM/HTTP, and over gRPC when that is lost."""
    lines = [
        "gateway: {name: GW1, interfaces: [127.0.0.1], writes: on}",
        "backends:",
        f'  dpm: {{url: "dpm+http://{addresses["dpm_http"]}"}}',
        f'  grpc: {{url: "dpm+grpc://{addresses["dpm_grpc"]}"}}',
        f'metadata: {{url: "devdb+grpc://{addresses["devdb"]}", cache: off}}',
        'on_demand: {allow: "*", backend: [dpm, grpc]}',
        "devices:",
    ]
    for name in facility.devices:
        info, spec = facility.info(name), facility.spec(name)
        assert info is not None, "the facility describes its own devices"
        assert spec is not None, "the facility describes its own devices"
        length = info.reading.length if info.reading and not info.reading.text else 1
        span = f"[0:{length - 1}]" if length > 1 else ""
        writable = str(info.setting is not None or bool(info.commands)).lower()
        served = f'event: "{spec.event}", backend: [dpm, grpc], writable: {writable}, alarms_writable: {writable}'
        value = info.reading or info.setting
        digits = f", precision: {value.precision}" if value is not None else ""  # the database has none (devdb.md 3.2)
        lines.append(f'  - {{device: "{name}{span}", {served}{digits}}}')
    return "\n".join(lines) + "\n"


def welcome(what: Ready, addresses: Mapping[str, str]) -> str:
    """What a person sees, with three lines to paste."""
    port = f"EPICS_CA_SERVER_PORT={what.ca_port} " if what.ca_port != CA_PORT else ""
    client = f"{port}EPICS_CA_ADDR_LIST={HOST} EPICS_CA_AUTO_ADDR_LIST=NO .venv/bin/caproto"
    return (
        f"acgate demo: {what.pvs} PVs on Channel Access port {what.ca_port}\n"
        f"Simulated services: {', '.join(f'{key} {addresses[key]}' for key in SERVICES)}\n"
        "Paste into another terminal (caget, caput and camonitor of EPICS base do as well):\n"
        f"  read:     {client}-get M:OUTTMP\n"
        f"  write:    {client}-put Z:ACLTST:SP 42\n"
        f"  monitor:  {client}-monitor M:OUTTMP Z:ACLTST Z:ACLTST:SP_RBV\n"
        "Ctrl-C ends the demo."
    )


def _ca_port(environment: dict[str, str]) -> int:
    """The port that the environment says, or else the usual one, or else a free one."""
    for name in ("EPICS_CAS_SERVER_PORT", "EPICS_CA_SERVER_PORT"):
        if environment.get(name, "").isdigit():
            return _free(int(environment[name]), "Channel Access")
    return _free(CA_PORT, "Channel Access")


def _free(port: int, what: str) -> int:
    """The port itself where it is free, otherwise another one, and say so."""
    for candidate in (port, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                link.bind((HOST, candidate))
            except OSError:
                continue
            found: int = link.getsockname()[1]
            if found != port:
                print(f"port {port} is taken; {what} uses {found}", flush=True)
            return found
    raise BadInput(f"no free port for {what}")


def _no_include(name: str) -> str:
    raise BadInput(f"{name}: the demo includes no files")
