"""`acgate watch`: the readings of one backend as they come, without EPICS."""

import argparse
import json
import time

from gateway.app.direct import add_backend_options, opened, parse_requests, seconds, units_of
from gateway.app.ending import StopSignal
from gateway.app.show import reading_json, reading_line, readings
from gateway.core.drf import DataRequest
from gateway.core.drf_events import periodic
from gateway.core.ports import Subscription

_STEP = 0.2  # s between two looks at the signal


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `watch`."""
    parser.add_argument(
        "drf", metavar="DRF", nargs="+", help="data request; without an event it is asked for at p,1000"
    )
    parser.add_argument("--count", metavar="N", type=int, help="end after so many readings")
    parser.add_argument("--seconds", metavar="S", type=seconds, help="end after so many seconds")
    add_backend_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print readings until the count, the time or a signal; 1 when the newest of any request has no value.

    A request that never answered has none, unless a signal ended it all.
    """
    asked = parse_requests(args.drf)
    requests = [r.with_event(periodic(1000)) if r.event.mode == "U" else r for r in asked]
    with StopSignal() as stop, opened(args) as backend:
        units = dict(zip(requests, units_of(backend, requests, args.timeout), strict=True))
        texts = dict(zip(requests, args.drf, strict=True))
        subscription = backend.watch(requests)
        try:
            good = _follow(subscription, requests, args, stop, (texts, units))
        finally:
            subscription.close()
        return 0 if all(good.get(request, stop.stopped) for request in requests) else 1


def _follow(
    subscription: Subscription,
    requests: list[DataRequest],
    args: argparse.Namespace,
    stop: StopSignal,
    words: tuple[dict[DataRequest, str], dict[DataRequest, str]],
) -> dict[DataRequest, bool]:
    """Print as long as it shall last; whether the newest reading of each request has a value."""
    texts, units = words
    good: dict[DataRequest, bool] = {}
    end = None if args.seconds is None else time.monotonic() + args.seconds
    count = 0
    while not stop.stopped and (end is None or time.monotonic() < end):
        for reading in readings(subscription.get(_STEP), requests):
            request = reading.request
            good[request] = reading.value is not None
            line = (texts[request], reading, units[request])
            print(json.dumps(reading_json(*line)) if args.json else reading_line(*line), flush=True)
            count += 1
            if count == args.count:
                return good
    return good
