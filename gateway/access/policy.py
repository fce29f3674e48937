"""Policies: functions of a site that may allow, deny or change a put (features.md P-68).

`PutAsked`, `Context`, `Allow`, `Deny` and `Modify` are what those functions are written with. They are pure: what they
need is handed in, and what they answer is all that they do. One that breaks has denied.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import numpy as np

from gateway.access.rules import Client
from gateway.core.put_row import shown
from gateway.core.values import SettingValue


@dataclass(frozen=True, slots=True, eq=False)
class PutAsked:
    """A put that every layer before has let through. Arrays are copies that cannot be written."""

    pv: str
    device: str  # name of its entry in the configuration
    request: str  # what would be sent, in ACNET's language: Z:ACLTST.SETTING@N
    value: SettingValue  # as those before in the list have left it; of a command its label
    held: SettingValue | None = None  # of a SETTING: the last readback; None where it is not known
    units: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """Who puts, and when. User and host are what the client claims; the address is real."""

    user: str
    host: str
    address: str
    time_ns: int  # when it came, Unix, UTC
    options: Mapping[str, Any] = field(default_factory=dict)  # of the entry in `policies`


@dataclass(frozen=True, slots=True)
class Allow:
    """Let it pass as it is."""

    reason: str = ""  # for the journal


@dataclass(frozen=True, slots=True)
class Deny:
    """Refuse it; the client and the journal are told the reason."""

    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Modify:
    """Send another value; it must be of the same kind and length, and is judged by limits and steps again."""

    value: SettingValue
    reason: str = ""


Verdict: TypeAlias = Allow | Deny | Modify
Function: TypeAlias = Callable[[PutAsked, Context], Verdict]


def concerns(patterns: Sequence[str], device: str) -> bool:
    """Whether one of the patterns means a device."""
    return any(fnmatchcase(device, pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Policy:
    """One entry of `policies`."""

    name: str
    function: Function
    devices: tuple[str, ...] = ("*",)  # patterns of their names
    options: Mapping[str, Any] = field(default_factory=dict)

    def concerns(self, device: str) -> bool:
        """Whether puts to a device are asked about."""
        return concerns(self.devices, device)


@dataclass(frozen=True, slots=True, eq=False)
class Ruling:
    """What the policies said of one put."""

    value: SettingValue  # that may be sent
    said: tuple[str, ...] = ()  # each decision but a denial, for the journal
    changes: tuple[str, ...] = ()  # of these, those that changed the value
    denied: str = ""  # by whom and why; empty: it may be sent
    error: BaseException | None = None  # of a policy that broke
    broken: bool = False  # whether it is denied because a policy did not answer as it has to


def rule(policies: Sequence[Policy], put: PutAsked, client: Client, now_ns: int, fixed: str = "") -> Ruling:
    """Ask each policy in turn; the first denial ends it. `fixed` is why the value cannot be changed, if so."""
    ruling = Ruling(put.value)
    for policy in policies:
        context = Context(client.user, client.host, client.address, now_ns, policy.options)
        asked = replace(put, value=_guarded(ruling.value), held=None if put.held is None else _guarded(put.held))
        try:
            verdict: object = policy.function(asked, context)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - of a site's own function; the guard reports it
            return replace(_broken(ruling, policy, f"broke with {type(error).__name__}"), error=error)
        match verdict:
            case Allow(reason):
                ruling = replace(ruling, said=(*ruling.said, _said(policy, "allowed", reason)))
            case Deny(reason):
                return replace(ruling, denied=_said(policy, "denies", reason))
            case Modify(value, reason):
                wrong, value = (fixed, value) if fixed else _like(value, ruling.value)
                if wrong:
                    return _broken(ruling, policy, f"would change the value, but {wrong}")
                said = _said(policy, f"made {shown(value)} of {shown(ruling.value)}", reason)
                ruling = Ruling(value, (*ruling.said, said), (*ruling.changes, said))
            case _:
                return _broken(ruling, policy, f"answered {type(verdict).__name__} in place of Allow, Deny or Modify")
    return ruling


def _said(policy: Policy, did: str, reason: str) -> str:
    return f"{policy.name} {did}" + (f": {shown(reason)}" if reason else "")


def _broken(ruling: Ruling, policy: Policy, what: str) -> Ruling:
    return replace(ruling, denied=f"{policy.name} {what}; whoever keeps it has to mend it", broken=True)


def _guarded(value: SettingValue) -> SettingValue:
    """Nothing that a policy could change in place."""
    if not isinstance(value, np.ndarray):
        return value
    copy = np.array(value)
    copy.setflags(write=False)
    return copy


def _like(value: object, before: SettingValue) -> tuple[str, SettingValue]:
    """What is wrong with a value in place of another, and the value as it is sent."""
    kind, wanted = type(value).__name__, type(before).__name__
    if isinstance(before, float | np.ndarray) and not isinstance(value, str | bytes | None):
        try:
            numbers = np.array(value, np.float64)
        except (TypeError, ValueError, OverflowError):
            return f"{kind} is no number", before
        if numbers.shape != np.shape(before):
            return f"that has the shape {numbers.shape}", before
        return "", numbers if isinstance(before, np.ndarray) else float(numbers)
    if type(value) is not type(before) or (isinstance(value, tuple) and not all(type(one) is str for one in value)):
        return f"{kind} takes no place of {wanted}", before
    return "", value  # it has the type of the other
