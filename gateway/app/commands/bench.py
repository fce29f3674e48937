"""`acgate bench`: the project's own benchmarks, as a table and as JSON."""

import argparse
import importlib.util
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.app.bench import libca
from gateway.app.bench.cells import PARTS, Options
from gateway.app.bench.chart import chart
from gateway.app.bench.document import refreshed
from gateway.app.bench.machine import machine
from gateway.app.bench.report import medians, report, summary
from gateway.app.bench.rounds import Result, Rounds
from gateway.app.bench.servers import PEERS, missing_package
from gateway.app.bench.tables import Table, tables
from gateway.config.problems import suggestion
from gateway.core.errors import BadInput

_MOST_DEVICES = 100_000
_QUICK_DEVICES, _QUICK_SECONDS = (200,), 0.4
_REMEDY = "install acgate[bench]"


def _devices(text: str) -> tuple[int, ...]:
    numbers = text.split(",")
    if not all(word.isascii() and word.isdecimal() and 0 < int(word) <= _MOST_DEVICES for word in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} are no numbers of devices; write for example 1000,10000")
    return tuple(dict.fromkeys(int(word) for word in numbers))


def _rounds(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds; write 1 to 100")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write seconds, more than 0 and at most 600")
    return value


def _some_of(what: str, known: Sequence[str], may_be_none: bool = False) -> Callable[[str], tuple[str, ...]]:
    """Parse a list of words, each of which must be known."""

    def parse(text: str) -> tuple[str, ...]:
        if may_be_none and text == "none":
            return ()
        words = tuple(dict.fromkeys(text.split(",")))
        for word in words:
            if word not in known:
                raise argparse.ArgumentTypeError(f"unknown {what} {word!r}; {suggestion(word, known)}")
        return words

    return parse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `bench`."""
    parser.add_argument(
        "--devices", metavar="N,...", type=_devices, help="numbers of devices to serve (default 1000,10000)"
    )
    parser.add_argument("--rounds", metavar="N", type=_rounds, help="rounds, of which the medians count (default 3)")
    parser.add_argument("--seconds", metavar="S", type=_seconds, help="length of one measurement (default 3)")
    parser.add_argument(
        "--steady", metavar="S", type=_seconds, help="length of the part steady (default ten times --seconds)"
    )
    parser.add_argument(
        "--parts", metavar="PART,...", type=_some_of("part", PARTS), default=PARTS,
        help=f"what to measure (default {','.join(PARTS)})",
    )  # fmt: skip
    parser.add_argument(
        "--peers", metavar="PEER,...", type=_some_of("peer", tuple(PEERS), may_be_none=True), default=tuple(PEERS),
        help=f"servers to measure beside, or none (default {','.join(PEERS)})",
    )  # fmt: skip
    parser.add_argument(
        "--amqp", metavar="URL", help="a RabbitMQ that admits guest, for DMQ in the part sources, for example "
        "amqp://127.0.0.1:5672/"
    )  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured there")
    parser.add_argument("--chart", metavar="FILE", help="draw the comparison there, as SVG")
    parser.add_argument(
        "--tables", metavar="FILE", help="write the tables into this Markdown document, between its marks"
    )
    parser.add_argument("--quick", action="store_true", help="a small run that shows that it works; its figures do not")


def options_of(args: argparse.Namespace) -> Options:
    """The options of a run; BadInput when something that it needs is not installed."""
    for peer in args.peers:
        if package := missing_package(peer):
            raise BadInput(f"--peers {peer}: the package {package} is not installed; {_REMEDY}, or say --peers none")
    if "connect" in args.parts and not libca.installed():
        others = ",".join(part for part in PARTS if part != "connect")
        raise BadInput(f"--parts connect: {libca.PACKAGE} is not installed; {_REMEDY}, or say --parts {others}")
    quick: bool = args.quick
    return Options(
        devices=args.devices or (_QUICK_DEVICES if quick else (1_000, 10_000)),
        rounds=args.rounds or (1 if quick else 3),
        seconds=args.seconds or (_QUICK_SECONDS if quick else 3.0),
        parts=args.parts,
        peers=args.peers,
        amqp=_broker(args.amqp),
        quick=quick,
        steady=args.steady or 0.0,
    )


def _broker(text: str | None) -> str:
    """The URL of a broker, without a login: both ends come as guests. Nothing without it."""
    if text is None:
        return ""
    if importlib.util.find_spec("pika") is None:
        raise BadInput("--amqp: the package pika is not installed; install acgate[dmq], or leave --amqp out")
    from gateway.runtime.amqp import Broker

    return str(Broker.parse(text))


def run(args: argparse.Namespace) -> int:
    """Measure, print the tables, write the JSON; 1 when a measurement failed."""
    if not sys.platform.startswith("linux"):
        raise BadInput("acgate bench reads processor times from /proc; run it on Linux")
    options, facts = options_of(args), machine()
    target = Path(args.json) if args.json else None
    drawing = Path(args.chart) if args.chart else None
    document = Path(args.tables) if args.tables else None
    results: list[Result] = []
    _write(target, options, facts, results)  # now, so that a place that cannot be written is said before the work
    _draw(drawing, options, results)
    _refresh(document, facts, [], check=True)
    with _ended_in_order():
        for result in Rounds(options).run(_say):
            results.append(result)
            _say(f"    {summary(result)}")
            _write(target, options, facts, results)
    print(f"\nMeasured with {', '.join(f'{key} {value}' for key, value in facts.items())}.\n")
    made = tables(options, results)
    for table in made:
        print("\n".join(table.lines()))
    _refresh(document, facts, made)
    _draw(drawing, options, results)
    return 1 if any(result.error is not None for result in results) else 0


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM be as Ctrl-C, so that the servers that were started end with us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, kept)


def _say(text: str) -> None:
    print(text, flush=True)


def _write(target: Path | None, options: Options, facts: dict[str, object], results: Sequence[Result]) -> None:
    if target is not None:
        _put("--json", target, f"{json.dumps(report(options, facts, results), indent=1)}\n")


def _refresh(document: Path | None, facts: dict[str, object], made: Sequence[Table], check: bool = False) -> None:
    """Put the tables into the document; with `check` only see that it could be done."""
    if document is None:
        return
    try:
        text = document.read_text("utf-8")
        found = refreshed(text, sys.argv[1:], facts, made)
    except (OSError, UnicodeError) as error:
        raise BadInput(f"--tables {document}: cannot be read ({error}); name a Markdown document") from None
    except BadInput as error:
        raise BadInput(f"--tables {document}: {error}") from None
    _put("--tables", document, text if check else found)


def _draw(target: Path | None, options: Options, results: Sequence[Result]) -> None:
    if target is not None:
        _put("--chart", target, chart(medians(results), options.servers))


def _put(option: str, target: Path, text: str) -> None:
    try:
        target.write_text(text, "utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(f"{option} {target}: cannot be written ({reason}); name a file in a folder that is") from None
