"""`acgate explain`: which device, request and backends serve a PV, and whether a put would be sent, and if not why."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gateway.app.asking import ask
from gateway.app.config_file import read_config
from gateway.app.credentials_check import credential_troubles
from gateway.app.describe import describe_offline
from gateway.app.policies import policies_of
from gateway.app.rules import read_acf
from gateway.core.values import SettingValue
from gateway.plan.build import build_plan
from gateway.plan.explain import Explanation, explain
from gateway.plan.live import Judgement
from gateway.runtime.clock import SystemClock

_WORDS = {True: "yes", False: "no", None: "?"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `explain`."""
    parser.add_argument("pv", metavar="PV", help="name of a PV, for example M:OUTTMP or Z:ACLTST:SP")
    parser.add_argument("--config", metavar="CONFIG", required=True, help="configuration file (YAML)")
    parser.add_argument("--user", metavar="U", default="", help="user of the client, as the client claims")
    parser.add_argument("--host", metavar="H", default="", help="address or name of the client's machine")
    parser.add_argument(
        "--value", metavar="V", help="value that would be put: a number, several with commas, or a text"
    )
    parser.add_argument("--offline", action="store_true", help="ask nobody, not even the running gateway")
    parser.add_argument("--json", action="store_true", help="one JSON document in place of the text")


def run(args: argparse.Namespace) -> int:
    """Print the explanation; an unknown PV raises BadInput."""
    config = read_config(args.config)
    plan, _ = build_plan(config, describe_offline(config))
    name = config.gateway.access_file
    file = read_acf(Path(args.config).parent / name) if name is not None else None
    troubles = credential_troubles(config, SystemClock())
    live, silent = (None, "") if args.offline else ask(config, plan, args.pv)
    policies, now_ns = policies_of(config), SystemClock().now_ns()
    found = explain(
        config, plan, args.pv, args.user, args.host, file, troubles, _value(args.value), live, policies, now_ns
    )
    if args.json:
        print(json.dumps(_document(found) | {"asked": live is not None, "not_asked": silent or None}))
    else:
        print("\n".join(_lines(found)))
        if silent:
            print(f"  gateway  could not be asked, so what only it knows is marked ?: {silent}")
    return 0


def _value(text: str | None) -> SettingValue | None:
    """The value that a word means: a number, numbers with commas between them, or the text itself."""
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return text
    return numbers[0] if len(numbers) == 1 else np.array(numbers)


def _lines(found: Explanation) -> Iterator[str]:
    spec, device = found.spec, found.device
    kind = spec.type.value if spec.length == 1 else f"{spec.type.value}[{spec.length}]"
    yield spec.name
    yield f"  device   {device.info.device}, {device.place}"
    yield f"  type     {' '.join(part for part in (kind, spec.units) if part)}"
    yield f"  DRF      {found.request or '- (computed by the gateway)'}"
    for choice in found.choices:
        yield f"  {choice.operation:<8} {choice.chosen or 'none'}: {choice.why}"
        for name, reason in choice.passed_over:
            yield f"             not {name}: {reason}"
    yield f"  put      {_verdict(found)}"
    width = max(len(one.layer) for one in found.put)
    for one in found.put:
        yield f"             {_WORDS[one.passes]:<3}  {one.layer:<{width}}  {one.reason}"


def _verdict(found: Explanation) -> str:
    refusal = found.refusal
    if refusal is not None:
        return f"refused by {refusal.layer}: {refusal.reason}"
    return "would be sent, if what is marked ? holds" if _open(found.put) else "would be sent"


def _open(put: tuple[Judgement, ...]) -> bool:
    return any(one.passes is None for one in put)


def _document(found: Explanation) -> dict[str, object]:
    refusal = found.refusal
    return {
        "pv": found.spec.name,
        "device": found.device.info.device,
        "place": found.device.place,
        "type": found.spec.type.value,
        "length": found.spec.length,
        "drf": found.request or None,
        "routes": {
            choice.operation: {
                "backend": choice.chosen or None,
                "why": choice.why,
                "passed_over": dict(choice.passed_over),
            }
            for choice in found.choices
        },
        "put": {
            "accepted": refusal is None,
            "refused_by": refusal.layer if refusal else None,
            "reason": refusal.reason if refusal else None,
            "layers": [{"layer": one.layer, "passes": one.passes, "reason": one.reason} for one in found.put],
        },
    }
