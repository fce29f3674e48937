"""DevDB over gRPC: its methods and the records of the device database (devdb.md 2 and 3), for both roles.

Bytes of one message in, records out, and back. Bytes that are no such message are a ProtocolError, whose text says
which message. What a record means for a gateway is decided in `devdb_info`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.wire.daq import LARGEST as LARGEST
from gateway.wire.daq import parsed
from gateway.wire.protobuf import devdb_pb2 as pb

SERVICE = "services.devdb.DevDB"
GET_INFO, GET_ALARMS, GET_TEXTS = (
    f"/{SERVICE}/{method}" for method in ("getDeviceInfo", "getAllAlarmInfo", "getAlarmText")
)
ANALOG, DIGITAL = 1, 5  # property index of an alarm block (3.5)
_WORD = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class PropertyRecord:
    """READING or SETTING (3.2). None is what the database does not say, which is not the same as empty."""

    primary_units: str | None = None
    common_units: str | None = None
    minimum: float = 0.0
    maximum: float = 0.0
    p_index: int = 0
    c_index: int = 0
    coefficients: tuple[float, ...] = ()
    step_motor: bool = False
    destructive_read: bool = False
    front_end_scaling: bool = False
    controlled_setting: bool = False
    knobbable: bool = False


@dataclass(frozen=True, slots=True)
class BitRecord:
    """One attribute of the STATUS word; the word is inverted before it is masked (3.3)."""

    mask: int
    match: int
    invert: bool = False
    short_name: str = ""
    long_name: str = ""
    true_text: str = ""
    false_text: str = ""


@dataclass(frozen=True, slots=True)
class PlainBitRecord:
    """One plain bit of the STATUS word, 0 the least significant (3.3)."""

    number: int
    zero_text: str = ""
    one_text: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """One command; `value` is the word for the hardware, the order number is not told (3.4)."""

    value: int
    short_name: str = ""
    long_name: str = ""


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """What getDeviceInfo knows of a device. All of it at its default is a device that does not exist (3.1)."""

    index: int = 0
    description: str = ""
    reading: PropertyRecord | None = None
    setting: PropertyRecord | None = None
    commands: tuple[CommandRecord, ...] | None = None
    bits: tuple[BitRecord, ...] | None = None  # None: no STATUS
    plain_bits: tuple[PlainBitRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """The answer for one name: the device, or the text of an error; neither is an error, too."""

    name: str
    device: DeviceRecord | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """One alarm block as the database holds it, not the live one (3.5). Values are raw, as unsigned 32 bits."""

    device: str
    property_index: int  # ANALOG or DIGITAL
    flags: int = 0  # 16 bits, as of the live block
    first: int = 0
    second: int = 0
    tries_needed: int = 0
    text_id: int = 0  # of getAlarmText, 0 for none
    segment: int = 0


def encode_names(names: Iterable[str]) -> bytes:
    """The request of both getDeviceInfo and getAllAlarmInfo."""
    return pb.DeviceList(device=names).SerializeToString()


def decode_names(data: bytes) -> list[str]:
    """The same on the other side."""
    return list(parsed(pb.DeviceList, data).device)


def encode_info(entries: Iterable[Entry]) -> bytes:
    """The reply of getDeviceInfo."""
    return pb.DeviceInfoReply(set=[_entry_message(entry) for entry in entries]).SerializeToString()


def decode_info(data: bytes) -> list[Entry]:
    """The entries of the reply of getDeviceInfo, in its order."""
    return [_entry(message) for message in parsed(pb.DeviceInfoReply, data).set]


def encode_alarms(records: Iterable[AlarmRecord]) -> bytes:
    """The reply of getAllAlarmInfo."""
    return pb.AlarmInfoReply(alarm_info=[_alarm_message(record) for record in records]).SerializeToString()


def decode_alarms(data: bytes) -> list[AlarmRecord]:
    """The blocks of the reply of getAllAlarmInfo; several or none of a device, in any order."""
    return [_alarm(message) for message in parsed(pb.AlarmInfoReply, data).alarm_info]


def encode_text_ids(ids: Sequence[int]) -> bytes:
    """The request of getAlarmText."""
    return pb.AlarmTextIdList(alarm_text_id=ids).SerializeToString()


def decode_text_ids(data: bytes) -> list[int]:
    """The same on the other side."""
    return list(parsed(pb.AlarmTextIdList, data).alarm_text_id)


def encode_texts(texts: Iterable[tuple[int, str]]) -> bytes:
    """The reply of getAlarmText, of ids and their texts."""
    made = [pb.DeviceAlarmText(alarm_text_id=number, length=len(text), text=text) for number, text in texts]
    return pb.DeviceAlarmTextList(device_alarm_text=made).SerializeToString()


def decode_texts(data: bytes) -> dict[int, str]:
    """The texts by id; ids that the database does not know are left out (3.6)."""
    return {one.alarm_text_id: one.text for one in parsed(pb.DeviceAlarmTextList, data).device_alarm_text}


def _entry_message(entry: Entry) -> pb.InfoEntry:
    message = pb.InfoEntry(name=entry.name)
    if entry.device is not None:
        message.device.CopyFrom(_device_message(entry.device))
    elif entry.error:
        message.errMsg = entry.error
    return message


def _entry(message: pb.InfoEntry) -> Entry:
    device = _device(message.device) if message.WhichOneof("result") == "device" else None
    return Entry(message.name, device, message.errMsg)


def _device_message(record: DeviceRecord) -> pb.DeviceInfo:
    message = pb.DeviceInfo(device_index=record.index, description=record.description)
    if record.reading is not None:
        message.reading.CopyFrom(_property_message(record.reading))
    if record.setting is not None:
        message.setting.CopyFrom(_property_message(record.setting))
    if record.commands is not None:
        message.control.CopyFrom(pb.DigitalControl(cmds=[_command_message(one) for one in record.commands]))
    if record.bits is not None:
        plain = [_plain_bit_message(one) for one in record.plain_bits]
        message.status.CopyFrom(pb.DigitalStatus(bits=[_bit_message(one) for one in record.bits], ext_bits=plain))
    return message


def _device(message: pb.DeviceInfo) -> DeviceRecord:
    return DeviceRecord(
        message.device_index,
        message.description,
        _property(message.reading) if message.HasField("reading") else None,
        _property(message.setting) if message.HasField("setting") else None,
        tuple(CommandRecord(c.value, c.short_name, c.long_name) for c in message.control.cmds)
        if message.HasField("control")
        else None,
        tuple(_bit(one) for one in message.status.bits) if message.HasField("status") else None,
        tuple(PlainBitRecord(b.bit_no, b.name0, b.name1, b.description) for b in message.status.ext_bits),
    )


def _property_message(record: PropertyRecord) -> pb.Property:
    return pb.Property(
        primary_units=record.primary_units, common_units=record.common_units, min_val=record.minimum,
        max_val=record.maximum, p_index=record.p_index, c_index=record.c_index, coeff=record.coefficients,
        is_step_motor=record.step_motor, is_destructive_read=record.destructive_read,
        is_fe_scaling=record.front_end_scaling, is_contr_setting=record.controlled_setting,
        is_knobbable=record.knobbable,
    )  # fmt: skip


def _property(message: pb.Property) -> PropertyRecord:
    return PropertyRecord(
        message.primary_units if message.HasField("primary_units") else None,
        message.common_units if message.HasField("common_units") else None,
        message.min_val, message.max_val, message.p_index, message.c_index, tuple(message.coeff),
        message.is_step_motor, message.is_destructive_read, message.is_fe_scaling, message.is_contr_setting,
        message.is_knobbable,
    )  # fmt: skip


def _command_message(record: CommandRecord) -> pb.DigitalControlItem:
    return pb.DigitalControlItem(value=record.value, short_name=record.short_name, long_name=record.long_name)


def _bit_message(record: BitRecord) -> pb.DigitalStatusItem:
    return pb.DigitalStatusItem(
        mask_val=record.mask, match_val=record.match, invert=record.invert, short_name=record.short_name,
        long_name=record.long_name, true_str=record.true_text, false_str=record.false_text,
        true_char=record.true_text[:1], false_char=record.false_text[:1],
    )  # fmt: skip


def _bit(message: pb.DigitalStatusItem) -> BitRecord:
    return BitRecord(
        message.mask_val, message.match_val, message.invert, message.short_name, message.long_name,
        message.true_str, message.false_str,
    )  # fmt: skip


def _plain_bit_message(record: PlainBitRecord) -> pb.DigitalExtStatusItem:
    return pb.DigitalExtStatusItem(
        bit_no=record.number, name0=record.zero_text, name1=record.one_text, description=record.description
    )


def _alarm_message(record: AlarmRecord) -> pb.AlarmInfo:
    message = pb.AlarmInfo(
        device_name=record.device,
        alarm_block=pb.AlarmBlock(
            pi=record.property_index, status=record.flags, min_or_nom=_signed(record.first),
            max_or_tol=_signed(record.second), tries_needed=record.tries_needed, segment=record.segment,
        ),
    )  # fmt: skip
    if record.text_id and record.property_index == DIGITAL:
        message.device_digital_alarm.alarm_text_id = record.text_id
    elif record.text_id:
        message.device_analog_alarm.alarm_text_id = record.text_id
    return message


def _alarm(message: pb.AlarmInfo) -> AlarmRecord:
    block = message.alarm_block
    text_id = message.device_analog_alarm.alarm_text_id or message.device_digital_alarm.alarm_text_id
    return AlarmRecord(
        message.device_name, block.pi, block.status & 0xFFFF, block.min_or_nom & _WORD, block.max_or_tol & _WORD,
        block.tries_needed, text_id, block.segment,
    )  # fmt: skip


def _signed(word: int) -> int:
    """The int32 with these 32 bits."""
    return word - (1 << 32) if word & 0x80000000 else word
