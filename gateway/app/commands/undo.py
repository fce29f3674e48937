"""`acgate undo`: put one's own settings back to what they were, by the journal of puts."""

import argparse
import getpass
import time

from caproto import CaprotoError
from caproto.sync.client import read, write

from gateway.access.undo import Step, undo_of
from gateway.app.history import rows_of
from gateway.app.since import since

PATIENCE = 10.0  # s for each put
FOLLOWS = 2.5  # s in which a readback follows a put


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `undo`."""
    parser.add_argument(
        "journal", metavar="JOURNAL", help="the file, or the URL of the database, that gateway.audit names"
    )
    parser.add_argument(
        "--since", metavar="WHEN", required=True, help="ISO time, or minutes back from now, such as 30m"
    )
    parser.add_argument("--user", metavar="U", default=getpass.getuser(), help="whose puts; default: yours")
    parser.add_argument("--dry-run", action="store_true", help="say what would be put, and put nothing")


def run(args: argparse.Namespace) -> int:
    """Put back what can be; 1 when something that could be was not."""
    begin = since(args.since)
    steps = undo_of(rows_of(args.journal, begin), args.user, begin)
    failed = 0
    for step in steps:
        said = step.reason or _why_not(step, args.dry_run)
        what = f"{step.pv}: {step.now} -> {step.old}"
        print(f"{what}{' (not done)' if args.dry_run and not said else f' stays: {said}' if said else ''}", flush=True)
        failed += bool(said) and step.possible
    if not steps:
        print(f"{args.user} has set nothing since then")
    return 1 if failed else 0


def _held(step: Step) -> float:
    """The readback; that of a put of a moment ago is waited for, as long as a device that goes once a second needs."""
    deadline = time.monotonic() + FOLLOWS
    while True:
        held = float(read(f"{step.device}:SP_RBV", timeout=PATIENCE, repeater=False).data[0])
        if _same(held, float(step.now)) or time.monotonic() > deadline:
            return held
        time.sleep(0.2)


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(1.0, abs(one))


def _why_not(step: Step, dry_run: bool) -> str:
    """Put one back, unless it was changed meanwhile by somebody whom the journal does not know; why it stays."""
    try:
        held = _held(step)
        if not _same(held, float(step.now)):
            return f"it is at {held:g}, where nobody in the journal has put it"
        if not dry_run:
            status = write(step.pv, [float(step.old)], notify=True, timeout=PATIENCE, repeater=False).status
            return "" if status.success else f"the put failed: {status.name}"
    except TimeoutError:
        return "the gateway does not answer"
    except CaprotoError as error:
        return str(error)
    return ""
