"""What DMQ tells of devices: which properties answer, the units that travel with samples, the status (dmq.md 7, 8)."""

from collections.abc import Mapping, Sequence

from gateway.backends.dmq_read import Reader
from gateway.backends.dmq_readings import Answered
from gateway.backends.dpm_describe import COMMANDS, standard_bits
from gateway.core.blocks import BasicStatus
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.drf import Property
from gateway.wire.dmq import ErrorSample, Sample, SampleKind

_ALL = frozenset(
    (Property.READING, Property.SETTING, Property.STATUS, Property.CONTROL, Property.ANALOG, Property.DIGITAL)
)
_TEXTS = (SampleKind.STRING, SampleKind.STRING_ARRAY)


def _text(device: str, prop: Property) -> str:
    return f"{device}.{prop.value}@I"


def device_info(device: str, wanted: frozenset[Property], samples: Mapping[str, Answered]) -> DeviceInfo | None:
    """What the answers say of a device; None when there are none at all."""
    found = {prop: samples[_text(device, prop)] for prop in wanted if _text(device, prop) in samples}
    if not found:
        return None
    present = {prop: sample for prop, sample in found.items() if _exists(sample)}
    if not present:
        return DeviceInfo(device, reading=PropertyInfo(), exists=False)
    description = samples.get(_text(device, Property.DESCRIPTION))
    status = present.get(Property.STATUS)
    return DeviceInfo(
        device,
        str(description.value) if isinstance(description, Sample) else "",
        _numbers(present, Property.READING),
        _numbers(present, Property.SETTING),
        Property.STATUS in present,
        standard_bits(status.value) if isinstance(status, Sample) and isinstance(status.value, BasicStatus) else (),
        COMMANDS if Property.CONTROL in present else (),
        Property.ANALOG in present,
        Property.DIGITAL in present,
    )


def _exists(sample: Answered) -> bool:
    """A property that is there answers with a value, or with a status 0/0 when it can only be written (5.3)."""
    return isinstance(sample, Sample) or (isinstance(sample, ErrorSample) and sample.error_number >= 0)


def _numbers(present: Mapping[Property, Answered], prop: Property) -> PropertyInfo | None:
    sample = present.get(prop)
    if sample is None:
        return None
    if not isinstance(sample, Sample):
        return PropertyInfo()
    return PropertyInfo(text=sample.kind in _TEXTS, units=sample.unit or "")


def describe(
    reader: Reader, devices: Sequence[str], only: Mapping[str, frozenset[Property]], timeout: float
) -> dict[str, DeviceInfo]:
    """What is known of devices in time, by canonical name; those of which nothing came are left out."""
    wanted = {device: only.get(device, _ALL) & _ALL for device in devices}
    texts = [
        _text(device, prop)
        for device, props in wanted.items()
        for prop in (*sorted(props, key=str), Property.DESCRIPTION)
    ]
    samples = reader.ask(texts, timeout).samples
    found = {device: device_info(device, props, samples) for device, props in wanted.items()}
    return {device: info for device, info in found.items() if info is not None}
