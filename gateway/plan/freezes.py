"""The freezes of a configuration beside a plan: patterns become devices, conditions and events become rows."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from gateway.config.condition import parse_condition
from gateway.config.config import FreezeConfig
from gateway.core.drf_events import parse_event
from gateway.core.errors import BadConfig
from gateway.plan.family import find
from gateway.plan.model import Kind, Plan, PvSpec, Role
from gateway.plan.trigger import FreezePlan, Trigger

_ROLES = frozenset({Role.READING, Role.READBACK, Role.STATUS_WORD, Role.STATUS_BIT})


def freeze_of(config: FreezeConfig, plan: Plan) -> FreezePlan:
    """One freeze; BadConfig says what of it cannot be."""
    section = config.section
    devices = tuple(name for name in plan.devices if _is_meant(name, section.devices) and _has_history(name, plan))
    if not devices:
        raise _wrong(config, "devices", f"no device with a history is called {' or '.join(section.devices)}")
    trigger = Trigger(())
    if section.when is not None:
        trigger = _by_condition(config, section.when, plan)
    elif section.event is not None:
        trigger = _by_event(config, section.event, plan)
    return FreezePlan(config.name, devices, round(section.before * 1e9), round(section.after * 1e9), trigger)


def notes_of(freeze: FreezePlan, plan: Plan) -> Iterator[str]:
    """What of a freeze will not be as written."""
    for name in freeze.devices:
        period_ms = plan.watches[plan.devices[name].reading_row].request.event.period_ms
        if period_ms and freeze.before_ns / 1e6 / period_ms > plan.buffer:
            holds, wished = plan.buffer * period_ms / 1000, freeze.before_ns / 1e9
            yield (
                f"freeze {freeze.name}: the history of {name} holds {holds:g} s and not the {wished:g} s before the "
                f"trigger; a larger gateway.buffer holds more"
            )


def _is_meant(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _has_history(name: str, plan: Plan) -> bool:
    row = plan.devices[name].reading_row
    return row >= 0 and plan.watches[row].kind is Kind.SCALAR


def _by_condition(config: FreezeConfig, text: str, plan: Plan) -> Trigger:
    condition = parse_condition(text)
    spec = find(plan, condition.pv)
    if spec is None:
        raise _wrong(config, "when", f"{condition.pv} is no PV of this configuration; `acgate check` prints every PV")
    if spec.role not in _ROLES or (spec.role is not Role.STATUS_BIT and plan.watches[spec.row].kind is not Kind.SCALAR):
        reason = f"{condition.pv} cannot fire it; a reading, a :SP_RBV, a :STS or a bit of it can, if it is one number"
        raise _wrong(config, "when", reason)
    return Trigger((spec.row,), condition, _operand(config, condition.operand, spec), spec.bit)


def _operand(config: FreezeConfig, operand: float | str, spec: PvSpec) -> float:
    if isinstance(operand, float):
        return operand
    if operand not in spec.labels:
        states = f"its states are {', '.join(spec.labels)}" if spec.labels else "it takes a number"
        raise _wrong(config, "when", f"{spec.name} is never {operand!r}; {states}")
    return float(spec.labels.index(operand))


def _by_event(config: FreezeConfig, text: str, plan: Plan) -> Trigger:
    event = parse_event(text)
    rows = tuple(row for row, watch in enumerate(plan.watches) if watch.request.event.normal == event.normal)
    if event.mode not in ("E", "S"):
        raise _wrong(config, "event", f"{text} is no clock or state event; write for example e,0f")
    if not rows:
        raise _wrong(config, "event", f"no device is acquired at {text}, so nobody would know; give one this event")
    return Trigger(rows)


def _wrong(config: FreezeConfig, key: str, reason: str) -> BadConfig:
    return BadConfig(config.file, config.line, f"freeze.{config.name}.{key}", reason)
