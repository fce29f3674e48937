"""`acgate simulate`: the simulated central services alone (contract.md 5)."""

import argparse
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.app.config_file import read_text
from gateway.app.ending import StopSignal
from gateway.app.ready_file import write_ready
from gateway.core.errors import BadInput
from gateway.runtime.clock import SystemClock
from simulator.facility import Facility, load_facility, shipped_facility
from simulator.services import Services

if TYPE_CHECKING:  # the extra dmq, of those who ask for it
    from gateway.runtime.amqp import Broker

_INSTALL_DMQ = "python -m pip install 'acgate[dmq]'"
# ports that are taken where they are free and nobody said another
_USUAL = {"dpm_grpc": 50051, "devdb": 50052, "acl": 8081}
_SERVICES = {
    "dpm_http": "DPM/HTTP",
    "dpm_grpc": "DPM/gRPC",
    "devdb": "device database",
    "amqp": "DMQ",
    "acl": "ACL over HTTP",
    "control": "control port (POST /faults)",
}


def port(text: str) -> int:
    """A port of the command line, 0 for any free one; argparse prints the message."""
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; write 0 to 65535, 0 is any free one")
    return int(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of devices; write 1 to 100000")
    return int(text)


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; write Hz, more than 0 and at most 1000")
    return value


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `simulate`."""
    parser.add_argument(
        "facility", metavar="FACILITY", nargs="?", help="facility file (YAML); default: the shipped one"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument(
        "--dpm-http-port", metavar="PORT", type=port, default=6802, help="0 is any free one (default 6802)"
    )
    parser.add_argument(
        "--acl-port", metavar="PORT", type=port, help="0 is any free one (default 8081, where that is free)"
    )
    parser.add_argument(
        "--dpm-grpc-port", metavar="PORT", type=port, help="0 is any free one (default 50051, where that is free)"
    )
    parser.add_argument(
        "--devdb-port", metavar="PORT", type=port, help="0 is any free one (default 50052, where that is free)"
    )
    parser.add_argument(
        "--jwt-secret", metavar="FILE", type=Path, help="settings over gRPC need a token signed with this secret"
    )
    parser.add_argument(
        "--control-port", metavar="PORT", type=port, help="serve POST /faults there; default: not served"
    )
    parser.add_argument(
        "--amqp", metavar="URL", help="join this RabbitMQ as the DMQ server, for example amqp://127.0.0.1:5672/"
    )
    parser.add_argument("--synthetic", metavar="N", type=_count, help="add N devices S:D00000 ...")
    parser.add_argument("--rate", metavar="HZ", type=_rate, help="rate of the synthetic devices (default 1)")
    parser.add_argument("--sent-log", metavar="FILE", type=Path, help="CSV file that gets every value that is sent")
    parser.add_argument(
        "--keytab", metavar="FILE", type=Path, help="check Kerberos tokens, signatures and permissions, with these keys"
    )
    parser.add_argument("--ready-file", metavar="F", help="written as JSON once everything listens")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    ports = {
        "dpm_http": args.dpm_http_port,
        "dpm_grpc": _wanted("dpm_grpc", args.dpm_grpc_port, args.host, "grpc"),
        "devdb": _wanted("devdb", args.devdb_port, args.host, "grpc"),
        "acl": _wanted("acl", args.acl_port, args.host),
        "control": args.control_port,
    }
    services = Services(
        _facility(args),
        SystemClock(),
        {key: port for key, port in ports.items() if port is not None},
        host=args.host,
        sent_log=args.sent_log,
        jwt_secret=args.jwt_secret,
        keytab=args.keytab,
        broker=_broker(args.amqp) if args.amqp is not None else None,
    )
    with StopSignal() as stop:
        services.start()
        try:
            for key, address in services.addresses.items():
                print(f"{_SERVICES.get(key, key)}: {address}", flush=True)
            if args.ready_file:
                write_ready(args.ready_file, **services.addresses)
            print(f"{len(services.facility.devices)} simulated devices; Ctrl-C ends it", flush=True)
            stop.wait()
        finally:
            ended = services.stop()
    return 0 if ended else 1


def _wanted(key: str, given: int | None, host: str, library: str | None = None) -> int | None:
    """The port that was given, or else the usual one, 0 where that is taken; None without the library it needs."""
    if given is not None:
        return given
    if library is not None and find_spec(library) is None:
        sys.stderr.write(f"{_SERVICES[key]} is not served: it needs pip install 'acgate[grpc]'\n")
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            link.bind((host, _USUAL[key]))
        except OSError:
            return 0
    return _USUAL[key]


def _broker(url: str) -> "Broker":
    try:
        from gateway.runtime.amqp import Broker
    except ImportError as error:
        raise BadInput(f"--amqp needs the Python package pika ({error}); install it: {_INSTALL_DMQ}") from None
    return Broker.parse(url)


def _facility(args: argparse.Namespace) -> Facility:
    if args.rate is not None and args.synthetic is None:
        raise BadInput("--rate: is the rate of synthetic devices; add --synthetic N")
    path = args.facility
    facility = shipped_facility() if path is None else load_facility(read_text(path, "name a facility file"), path)
    if args.synthetic is not None:
        facility.synthetic(args.synthetic, args.rate or 1.0)
    return facility
