"""`acgate journal`: who set what, when, and what became of it."""

import argparse
import json
import sys
from collections import deque
from datetime import UTC, datetime

from gateway.app.history import rows_of
from gateway.app.since import since


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `journal`."""
    parser.add_argument(
        "journal", metavar="JOURNAL", help="the file, or the URL of the database, that gateway.audit names"
    )
    parser.add_argument("--device", metavar="D", default="", help="a device or one of its PVs; default: all")
    parser.add_argument("--user", metavar="U", default="", help="whose puts; default: everybody's")
    parser.add_argument("--since", metavar="WHEN", help="ISO time, or minutes back from now, such as 30m")
    parser.add_argument("--last", metavar="N", type=int, default=100, help="so many, the newest (default 100)")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")


def run(args: argparse.Namespace) -> int:
    """Print the newest rows that are wanted, the oldest of them first."""
    begin = since(args.since) if args.since is not None else 0
    rows = deque(rows_of(args.journal, begin, args.device, args.user), maxlen=max(1, args.last))
    for row in rows:
        print(json.dumps(row) if args.json else _line(row))
    if not rows:
        print("no such put is in the journal", file=sys.stderr)
    return 0


def _line(row: dict[str, object]) -> str:
    time_ns = row["time_ns"]
    assert isinstance(time_ns, int), "rows are looked at when they are read"
    when = datetime.fromtimestamp(time_ns / 1e9, UTC).astimezone().isoformat(" ", "milliseconds")
    who = f"{row['user'] or 'unknown'}@{row['host'] or row['address']}"
    said = f"  {row['message']}" if row["message"] else ""
    refused = f" by {row['layer']}" if row["layer"] else ""
    change = f"{row['old'] or '?'} -> {row['new']}"
    return f"{when}  {row['id']}  {who}  {row['pv']}: {change}  {row['outcome']}{refused}{said}"
