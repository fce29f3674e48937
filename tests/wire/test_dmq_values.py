import pytest

from gateway.core.blocks import AnalogAlarm, BasicStatus, DigitalAlarm
from gateway.core.errors import ProtocolError
from gateway.wire import pc
from gateway.wire.dmq_values import ANALOG_ALARM, BASIC_STATUS, CONTROL, DIGITAL_ALARM, PATTERN, Control

ALARM = AnalogAlarm(-1.0, 2.0, True, False, False, True, 3, 1)


@pytest.mark.parametrize(
    ("control", "octets"),
    [
        *((Control.RESET, "82688f"), (Control.ON, "8236a3"), (Control.OFF, "8205d7"), (Control.POSITIVE, "822974")),
        *((Control.NEGATIVE, "82356f"), (Control.RAMP, "82c3af"), (Control.DC, "82e547")),
    ],
)
def test_commands_have_the_ids_of_the_protocol_and_the_ordinals_of_acnet(control: Control, octets: str) -> None:
    assert CONTROL.pack(control).hex() == octets
    assert CONTROL.unpack(bytes.fromhex(octets), 0) == (control, 3)


def test_a_pattern_travels_as_a_signed_number() -> None:
    assert PATTERN.pack(0xFFFFFFFF).hex() == "11ff"
    assert PATTERN.unpack(bytes.fromhex("11ff"), 0) == (0xFFFFFFFF, 2)


@pytest.mark.parametrize("kind", [BASIC_STATUS, ANALOG_ALARM, DIGITAL_ALARM])
def test_a_struct_survives_the_way(kind: pc.Kind) -> None:
    values = {
        BASIC_STATUS.name: BasicStatus(True, None, False, None, True),
        ANALOG_ALARM.name: ALARM,
        DIGITAL_ALARM.name: DigitalAlarm(0x80000001, 0xFFFFFFFF, True, False, True, False, 2, 0),
    }
    body = kind.pack(values[kind.name])
    assert kind.unpack(body, 0) == (values[kind.name], len(body))


def test_attributes_that_are_absent_are_not_written() -> None:
    assert BASIC_STATUS.pack(BasicStatus()).hex() == "5100"


@pytest.mark.parametrize(
    ("kind", "value"),
    [(CONTROL, 1), (CONTROL, "ON"), (PATTERN, -1), (PATTERN, 1 << 32), (PATTERN, True), (BASIC_STATUS, ALARM)],
)
def test_another_value_is_not_written(kind: pc.Kind, value: object) -> None:
    with pytest.raises(ProtocolError):
        kind.pack(value)


def test_an_unknown_command_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no command"):
        CONTROL.unpack(bytes.fromhex("827fff"), 0)
