"""One simulated device: its properties side by side, each asked by request."""

from gateway.core.device_info import DeviceInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.status import BAD_REQUEST, NOPROP, UTIME, Status
from gateway.core.values import SettingValue
from simulator.alarms import BLOCK_BYTES, AnalogBlock, DigitalBlock
from simulator.answer import NO_PROPERTY, NOTHING, Answer, good
from simulator.device_spec import DeviceSpec
from simulator.numbers import Numbers
from simulator.spans import span_of
from simulator.status_word import StatusWord
from simulator.texts import Texts

_DATABASE = (Property.DESCRIPTION, Property.INDEX, Property.LONG_NAME, Property.ALARM_LIST_NAME)


class SimulatedDevice:
    """A device that answers requests. Not thread-safe: the facility holds the lock."""

    def __init__(self, spec: DeviceSpec) -> None:
        self.spec = spec
        shown = spec.reading or spec.setting
        self._values: Numbers | Texts | None = None
        if shown is not None:
            self._values = Texts(spec) if shown.text else Numbers(spec)
        self._status = StatusWord(spec.status, spec.commands) if spec.status else None
        self._analog, self._digital = self._alarms()

    def _alarms(self) -> tuple[AnalogBlock | None, DigitalBlock | None]:
        spec, values, status = self.spec, self._values, self._status
        analog = digital = None
        if spec.analog and isinstance(values, Numbers):
            analog = AnalogBlock(spec.analog, spec.scale, values.atomic, lambda t_ns: float(values.reading(t_ns)[0]))
        if spec.digital and status:
            digital = DigitalBlock(spec.digital, status.atomic, lambda: (status.word, status.since_ns))
        return analog, digital

    def info(self) -> DeviceInfo:
        """What the device database knows of it."""
        spec = self.spec
        return DeviceInfo(
            device=spec.name,
            description=spec.description,
            reading=spec.reading,
            setting=spec.setting,
            status=spec.status is not None,
            bits=spec.status.bits if spec.status else (),
            commands=tuple(command.command for command in spec.commands),
            analog=spec.analog is not None,
            digital=spec.digital is not None,
        )

    def shape(self, prop: Property) -> tuple[int, int] | None:
        """Elements and bytes of one element of a property; None when the device lacks it."""
        spec = self.spec
        if prop in (Property.READING, Property.SETTING):
            info = spec.reading if prop is Property.READING else spec.setting
            return (info.length, self._values.atomic) if info and self._values else None
        if prop in (Property.STATUS, Property.BIT_STATUS):
            return (1, self._status.atomic) if self._status else None
        if prop is Property.CONTROL:
            return (1, self._status.atomic) if self._status and spec.commands else None
        if prop is Property.ANALOG:
            return (1, BLOCK_BYTES) if self._analog else None
        if prop is Property.DIGITAL:
            return (1, BLOCK_BYTES) if self._digital else None
        return (1, 1) if prop in _DATABASE else None

    def span(self, request: DataRequest) -> tuple[int, int] | Status:
        """The elements that a request addresses, or why it is refused at its start (dpm-http.md 7.2)."""
        if request.property is None:
            return BAD_REQUEST
        shape = self.shape(request.property)
        if shape is None:
            return NOPROP
        if request.property in (Property.READING, Property.SETTING) and request.field in ("MIN", "MAX", "UNITS"):
            return BAD_REQUEST  # not known to the server of 2024 (drf.md 12.1)
        if request.property in _DATABASE:
            return 0, 1
        return span_of(request.range, *shape)

    def octets(self, request: DataRequest) -> int:
        """The bytes of raw data that a request addresses; 0 when it can address none."""
        shape, span = self.shape(request.property) if request.property else None, self.span(request)
        return 0 if shape is None or isinstance(span, Status) else span[1] * shape[1]

    def silent(self, request: DataRequest) -> bool:
        """Whether the front end, which never answers, is needed for this request."""
        return self.spec.silent and request.property not in _DATABASE

    def read(self, request: DataRequest, t_ns: int) -> Answer:
        """The value of a request at a time, or the status that says why there is none."""
        span = self.span(request)
        if isinstance(span, Status):
            return None, span
        if self.silent(request):
            return None, UTIME
        prop, field = request.property, request.field
        if prop in (Property.READING, Property.SETTING) and self._values:
            return self._values.read(prop, field, *span, t_ns)
        if prop in (Property.STATUS, Property.BIT_STATUS) and self._status:
            return self._status.read(field)
        if prop is Property.CONTROL:  # write-only: status 0/0 and no data (values.md 4.3)
            return NOTHING
        if prop is Property.ANALOG and self._analog:
            return self._analog.read(field, t_ns)
        if prop is Property.DIGITAL and self._digital:
            return self._digital.read(field, t_ns)
        return self._database(prop)

    def _database(self, prop: Property | None) -> Answer:
        spec = self.spec
        if prop is Property.INDEX:
            return good(float(spec.index))
        if prop is Property.DESCRIPTION:
            return good(spec.description)
        if prop is Property.LONG_NAME:
            return good(spec.long_name or spec.description)
        return good(spec.alarm_list) if prop is Property.ALARM_LIST_NAME else NO_PROPERTY

    def write(self, request: DataRequest, value: SettingValue, t_ns: int) -> Status:
        """Apply a setting; READING and STATUS are not settable, clients say SETTING and CONTROL (drf.md 11)."""
        span = self.span(request)
        if isinstance(span, Status):
            return span
        if self.silent(request):
            return UTIME
        prop, field = request.property, request.field
        if prop is Property.SETTING and isinstance(self._values, Numbers):
            return self._values.write(field, *span, value, t_ns)
        if prop is Property.SETTING and isinstance(self._values, Texts):
            return self._values.write(field, *span, value)
        if prop is Property.CONTROL and self._status:
            return self._status.command(field, value, t_ns)
        if prop is Property.ANALOG and self._analog:
            return self._analog.write(field, value)
        if prop is Property.DIGITAL and self._digital:
            return self._digital.write(field, value)
        return BAD_REQUEST
