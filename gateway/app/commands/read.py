"""`acgate read`: one answer to each request, from one backend, without EPICS."""

import argparse
import json

from gateway.app.direct import add_backend_options, opened, parse_requests, units_of
from gateway.app.show import reading_json, reading_line
from gateway.core.drf_events import IMMEDIATE


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `read`."""
    parser.add_argument("drf", metavar="DRF", nargs="+", help="data request, for example M:OUTTMP or 'N|LGXS'")
    add_backend_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the readings in the order of the requests; 1 when any has no value."""
    requests = [r.with_event(IMMEDIATE) if r.event.mode == "U" else r for r in parse_requests(args.drf)]
    with opened(args) as backend:
        readings = backend.read(requests, args.timeout)
        answered = any(reading.value is not None for reading in readings)
        units = units_of(backend, requests, args.timeout) if answered else [""] * len(requests)
    for text, reading, unit in zip(args.drf, readings, units, strict=True):
        print(json.dumps(reading_json(text, reading, unit)) if args.json else reading_line(text, reading, unit))
    return 1 if any(reading.value is None for reading in readings) else 0
