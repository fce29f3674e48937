"""`acgate write`: one setting to one backend, without EPICS."""

import argparse
import json

import numpy as np

from gateway.app.direct import add_backend_options, opened, parse_requests
from gateway.app.show import result_json, result_line
from gateway.core.drf import DataRequest
from gateway.core.errors import BadInput
from gateway.core.values import Outcome, Setting, SettingValue


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `write`."""
    parser.add_argument("drf", metavar="DRF", help="data request; a reading means its setting, a status its control")
    parser.add_argument(
        "value", metavar="VALUE", help="number, numbers divided by commas, text, or hexadecimal for RAW"
    )
    parser.add_argument("--text", action="store_true", help="send VALUE as text, whatever it looks like")
    parser.add_argument(
        "--kerberos", action="store_true", help="log in with the ticket of the environment (kinit, KRB5_CLIENT_KTNAME)"
    )
    add_backend_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print what became of the setting; 1 unless it was accepted."""
    (request,) = parse_requests([args.drf])
    target = request.for_writing()
    if reason := target.settable_reason():
        raise BadInput(f"{args.drf!r}: {reason}")
    setting = Setting(target, args.value if args.text else parse_value(args.value, target))
    with opened(args, args.kerberos) as backend:
        if not backend.capabilities.write:
            raise BadInput(f"{args.backend!r} cannot write; name a backend that can")
        (result,) = backend.write([setting], args.timeout)
    print(json.dumps(result_json(args.drf, result)) if args.json else result_line(args.drf, result))
    return 0 if result.outcome is Outcome.ACCEPTED else 1


def parse_value(text: str, request: DataRequest) -> SettingValue:
    """The value that a word of the command line means to this request."""
    if request.field == "RAW":
        try:
            return bytes.fromhex(text.removeprefix("0x"))
        except ValueError:
            raise BadInput(f"{text!r} are no bytes; write RAW values in hexadecimal, such as 0a1b") from None
    try:
        numbers = [float(part) for part in text.strip("[]").split(",")]
    except ValueError:
        return text
    return numbers[0] if len(numbers) == 1 and not text.startswith("[") else np.array(numbers)
