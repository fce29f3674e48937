"""`acgate db`: make and upgrade the schema of a database, which nothing else does."""

import argparse

from gateway.app.history import database_of

_URL = "for example sqlite:///puts.db or postgresql://acgate@db1/acgate"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `db`."""
    parser.add_argument(
        "action", choices=("upgrade", "current"), help="upgrade makes or upgrades the schema; current says its version"
    )
    parser.add_argument("--url", metavar="URL", required=True, help=_URL)


def run(args: argparse.Namespace) -> int:
    """Do it; 1 when the schema is not that of this program."""
    database = database_of(args.url)
    if args.action == "upgrade":
        before = database.upgrade()
        after = database.version()
        print(f"{database.place}: schema {after}{' already' if before == after else ''}")
        return 0
    database.check()
    print(f"{database.place}: schema {database.version()}, that of this acgate")
    return 0
