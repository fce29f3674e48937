"""`acgate backends`: what each kind of backend can do, and those of a configuration with who uses them."""

import argparse
import json
from collections.abc import Iterator

from gateway.app.config_file import read_config
from gateway.config.backend_url import SCHEMES, capability_table
from gateway.config.config import Config


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `backends`."""
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="configuration file whose backends are listed, too")
    parser.add_argument("--json", action="store_true", help="one JSON document in place of the tables")


def run(args: argparse.Namespace) -> int:
    """Print the table of schemes, then the configured backends."""
    config = read_config(args.config) if args.config is not None else None
    if args.json:
        print(json.dumps({"schemes": _schemes(), "backends": _backends(config) if config else []}))
        return 0
    print(capability_table())
    if config is not None:
        print()
        print("\n".join(_lines(config)))
    return 0


def _schemes() -> list[dict[str, object]]:
    return [
        {
            "scheme": name,
            "service": row.service,
            "port": row.port,
            "read": row.capabilities.read,
            "write": row.capabilities.write,
            "stream": "polled" if row.capabilities.polled else row.capabilities.watch,
            "credentials": row.credentials,
            "built": row.built,
        }
        for name, row in SCHEMES.items()
    ]


def _backends(config: Config) -> list[dict[str, object]]:
    """Each configured backend, and how many devices name it, first or as an alternative."""
    found: list[dict[str, object]] = []
    for name, backend in config.backends.items():
        routes = [(device.route, device.entry.writable) for device in config.devices]
        found.append(
            {
                "name": name,
                "url": str(backend.url),
                "scheme": backend.url.scheme,
                "reads": sum(route.read[0] == name for route, _ in routes),
                "writes": sum(writable and route.write[:1] == (name,) for route, writable in routes),
                "alternative": sum(
                    name in route.read[1:] or (writable and name in route.write[1:]) for route, writable in routes
                ),
            }
        )
    return found


def _lines(config: Config) -> Iterator[str]:
    rows = [("NAME", "URL", "READS", "WRITES", "ALTERNATIVE")]
    for one in _backends(config):
        rows.append(tuple(str(one[key]) for key in ("name", "url", "reads", "writes", "alternative")))  # type: ignore[arg-type]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield "numbers are devices that the backend reads, writes, or would take over"
