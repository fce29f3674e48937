"""What DPM itself tells of devices: which properties exist, units, descriptions (dpm-http.md 7.2, 8.2)."""

import logging
from collections.abc import Iterator, Mapping, Sequence

from gateway.backends.dpm_read import Reader
from gateway.backends.dpm_readings import DataReply
from gateway.core.blocks import BasicStatus
from gateway.core.device_info import Command, DeviceInfo, PropertyInfo, StatusBit
from gateway.core.drf import Property
from gateway.core.ports import Clock
from gateway.core.status import DISCONNECTED
from gateway.wire import dpm

_log = logging.getLogger(__name__)
_AT_ONCE = 480  # requests in one list: below the 500 of dpm-http.md 14.3
_PROPERTIES = ("READING", "SETTING", "STATUS", "CONTROL", "ANALOG", "DIGITAL")
_EACH = 2.0  # s that one list may take: a silent front end must not cost the other devices their descriptions
_ALL = frozenset(Property[name] for name in _PROPERTIES)

COMMANDS = tuple(
    Command(code, name) for code, name in enumerate(["RESET", "ON", "OFF", "POSITIVE", "NEGATIVE", "RAMP", "DC"])
)  # the conventional ones; those above differ from device to device (values.md 4.3)

_STANDARD = (
    ("ON", "on", "off"),
    ("READY", "ready", "tripped"),
    ("REMOTE", "remote", "local"),
    ("POSITIVE", "positive", "negative"),
    ("RAMP", "ramping", "DC"),
)  # values.md 4.1, in order


def requests_for(device: str, only: frozenset[Property] = _ALL) -> tuple[str, ...]:
    """The requests whose answers describe a device; its reading is read to see whether it is a text."""
    existence = (f"{device}.{name}@N" for name in _PROPERTIES if Property[name] in only)
    values = (f"{device}.{name}@I" for name in ("STATUS", "READING") if Property[name] in only)
    return (*existence, *values)


def device_info(
    device: str, infos: Mapping[str, dpm.DeviceInfoReply], replies: Mapping[str, DataReply]
) -> DeviceInfo | None:
    """What the answers, by request, say of a device; None when there are none."""
    present = {name: infos[f"{device}.{name}@N"] for name in _PROPERTIES if f"{device}.{name}@N" in infos}
    if not present:
        refused = any(f"{device}.{name}@N" in replies for name in _PROPERTIES)
        return DeviceInfo(device, reading=PropertyInfo(), exists=False) if refused else None
    text = isinstance(replies.get(f"{device}.READING@I"), dpm.TextReply | dpm.TextArrayReply)

    def numbers(name: str) -> PropertyInfo | None:
        return PropertyInfo(text=text, units=present[name].units or "") if name in present else None

    return DeviceInfo(
        device,
        next(iter(present.values())).description,
        numbers("READING"),
        numbers("SETTING"),
        "STATUS" in present,
        _bits(replies.get(f"{device}.STATUS@I")),
        COMMANDS if "CONTROL" in present else (),
        "ANALOG" in present,
        "DIGITAL" in present,
    )


def _bits(reply: DataReply | None) -> tuple[StatusBit, ...]:
    if not isinstance(reply, dpm.BasicStatusReply):
        return ()
    return standard_bits(BasicStatus(reply.on, reply.ready, reply.remote, reply.positive, reply.ramp))


def standard_bits(status: BasicStatus) -> tuple[StatusBit, ...]:
    """The standard attributes that a device has. Nobody told their masks: 0 means that only STATUS shows them."""
    states = (status.on, status.ready, status.remote, status.positive, status.ramp)
    return tuple(
        StatusBit(order, name, 0, 0, False, true_text, false_text)
        for order, ((name, true_text, false_text), state) in enumerate(zip(_STANDARD, states, strict=True))
        if state is not None
    )


def describe(
    reader: Reader, devices: Sequence[str], only: Mapping[str, frozenset[Property]], clock: Clock, deadline: float
) -> dict[str, DeviceInfo]:
    """What is known of devices by the deadline, by canonical name; unknown ones are left out."""
    found: dict[str, DeviceInfo] = {}
    for some in _lists(devices, only):
        until = min(deadline, clock.monotonic() + _EACH)
        answers = reader.ask({text: text for texts in some.values() for text in texts}, until)
        for device in some:
            if (info := device_info(device, answers.infos, answers.replies)) is not None:
                found[device] = info
        if answers.status == DISCONNECTED or clock.monotonic() >= deadline:
            break
    if missing := [device for device in devices if device not in found]:
        reason = answers.message if answers.status == DISCONNECTED else "no answer in time"
        _log.warning("%d of %d devices are not described, %s first: %s", len(missing), len(devices), missing[0], reason)
    return found


def _lists(devices: Sequence[str], only: Mapping[str, frozenset[Property]]) -> Iterator[dict[str, tuple[str, ...]]]:
    """Devices and their requests, as many at once as one list bears."""
    some: dict[str, tuple[str, ...]] = {}
    size = 0
    for device in devices:
        texts = requests_for(device, only.get(device, _ALL))
        if some and size + len(texts) > _AT_ONCE:
            yield some
            some, size = {}, 0
        some[device] = texts
        size += len(texts)
    if some:
        yield some
