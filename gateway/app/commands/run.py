"""`acgate run`: the gateway in the foreground."""

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress

from gateway.app.compose import Gateway, Ready
from gateway.app.config_file import read_config
from gateway.app.ending import Stopped, StopSignal
from gateway.app.few_lines import FewLines
from gateway.app.opening import gateway_of
from gateway.app.ready_file import write_ready
from gateway.core.errors import BadInput
from gateway.runtime.clock import SystemClock

log = logging.getLogger("acgate")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `run`."""
    parser.add_argument("config", metavar="CONFIG", help="configuration file")
    parser.add_argument("--ready-file", metavar="F", help="written as JSON once everything listens")
    parser.add_argument("--log-puts", action="store_true", help="log each step of each put, by its id in the journal")
    parser.add_argument("--shard", metavar="i/n", help="serve the i-th of n parts of the PVs")


def run(args: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    if args.shard:
        raise BadInput("--shard is not in this version; leave it out, one process serves all PVs")
    lines = logging.StreamHandler()
    lines.addFilter(FewLines())
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO, handlers=[lines])
    if args.log_puts:
        logging.getLogger("acgate.put").setLevel(logging.DEBUG)
    with StopSignal() as stop, suppress(Stopped):
        gateway = gateway_of(read_config(args.config), SystemClock(), os.environ, stop)

        def ready(what: Ready) -> None:
            if args.ready_file:
                write_ready(args.ready_file, ca_port=what.ca_port, pvs=what.pvs)
            print(f"acgate: {what.pvs} PVs on Channel Access port {what.ca_port}; Ctrl-C ends it", flush=True)

        asyncio.run(serve_until(stop, gateway, ready))
    return 0


async def serve_until(stop: StopSignal, gateway: Gateway, ready: Callable[[Ready], None]) -> None:
    """Run the gateway until the signal; SIGHUP reloads."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(stop.fileno(), ended.set)
    loop.add_signal_handler(signal.SIGHUP, gateway.reload)
    try:
        await gateway.run(ended, ready)
    finally:
        loop.remove_reader(stop.fileno())
        loop.remove_signal_handler(signal.SIGHUP)
