"""Ask the running gateway over Channel Access, as any client may, for what only it knows of a put."""

import json
from functools import partial
from typing import Any

import numpy as np
from caproto import CaprotoError, ChannelType, ReadNotifyResponse
from caproto.sync.client import read

from gateway.access.policy import concerns
from gateway.access.step import Numbers
from gateway.config.config import Config
from gateway.core.severity import Severity
from gateway.plan.family import find
from gateway.plan.live import Live, Moment
from gateway.plan.model import Plan, Role

PATIENCE = 5.0  # s for one answer


def ask(config: Config, plan: Plan, name: str) -> tuple[Live | None, str]:
    """What the gateway says of the device of a PV; where it could not be asked, None and why.

    Nobody is asked of a PV that no client can set. Where the gateway is, is said by the environment of Channel Access.
    """
    spec = find(plan, name.removesuffix(".VAL"))
    if spec is None or not spec.writable or not plan.writes or spec.role is Role.READ_NOW:
        return None, ""
    section, device = config.gateway, plan.devices[spec.device]
    ruled = any(concerns(policy.section.devices, device.name) for policy in config.policies)
    lock = f"{device.name}:LOCK"
    try:
        holder = _text(f"{lock}:HOLDER")
        journal = _text(f"{section.name}:JOURNAL:STATE")
        leases = _leases(section.name) if section.lease else ()
        purpose, left = (_text(lock), float(_read(f"{lock}:LEFT").data[0])) if holder else ("", 0.0)
        held = _held(f"{device.name}:SP_RBV") if device.setting_row >= 0 and (device.step.any or ruled) else None
        inputs = _document(f"{section.name}:ACCESS:INPUTS") if section.access_file is not None else None
        limits = _document(f"{section.name}:PUTS:LIMITS") if device.drive.pvs else None
        moment = _document(f"{section.name}:PUTS:REFUSED")
    except TimeoutError:
        return None, f"it does not answer within {PATIENCE:g} s where EPICS_CA_ADDR_LIST and its like say"
    except (CaprotoError, OSError) as error:
        return None, str(error) or type(error).__name__
    found = None if moment is None else Moment(**moment)
    return Live(holder, purpose, left, leases, held, journal, inputs, found, limits), ""


_read = partial(read, timeout=PATIENCE, repeater=False)


def _text(name: str) -> str:
    return text_of(_read(name))


def text_of(answer: ReadNotifyResponse) -> str:
    """A text, long or short."""
    if answer.data_type is ChannelType.STRING:
        return bytes(answer.data[0]).decode("latin-1")
    return bytes(np.asarray(answer.data, np.uint8)).partition(b"\0")[0].decode("utf-8", "replace")


def _document(name: str) -> Any:
    """None where it is too long for the PV."""
    return json.loads(text_of(_read(name, data_count=0)))


def _leases(gateway: str) -> tuple[str, ...]:
    said = _text(f"{gateway}:LEASE:HOLDERS")
    return tuple(part for part in said.split("; ") if part)


def _held(name: str) -> Numbers | None:
    """The readback; None where it is not valid."""
    answer = _read(name, data_type="time")
    if answer.metadata.severity >= Severity.INVALID:
        return None
    values = np.asarray(answer.data, float)
    return float(values[0]) if len(values) == 1 else values
