"""One call of DAQ.Set: what is to be set (dpm-grpc.md 6). Pure."""

from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.drf import DataRequest
from gateway.core.errors import BadRequest
from gateway.core.status import BAD_EVENT, BAD_REQUEST
from gateway.wire.daq import is_directive
from gateway.wire.daq_values import StatusTexts, WireValue
from simulator.set_order import Wish

_NO_SETTING = (AnalogAlarm, DigitalAlarm, BasicStatus, StatusTexts)  # the server does not act on them (6.2)


def wishes_of(settings: list[tuple[str, WireValue | None]]) -> list[Wish]:
    """What is to be set. List directives have no place in the answer (section 3)."""
    return [_wish(text, value) for text, value in settings if not is_directive(text)]


def _wish(text: str, value: WireValue | None) -> Wish:
    if value is None or isinstance(value, _NO_SETTING):
        return BAD_REQUEST, 0.0
    try:
        return DataRequest.parse(text), value
    except BadRequest as error:
        return BAD_EVENT if error.part == "event" else BAD_REQUEST, 0.0
