"""DAQ over gRPC: its methods, the lists of Read and Set, and the statuses in answer to Set (dpm-grpc.md 2, 6).

Bytes of one message in, values out, and back; for both roles. Bytes that are no such message are a ProtocolError,
whose text says which message. What `Read` answers is in `daq_replies`.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from gateway.core.errors import ProtocolError
from gateway.core.status import RETRY, Status
from gateway.wire.daq_values import WireValue, fill, value_of
from gateway.wire.protobuf import daq_pb2, status_pb2

SERVICE = "services.daq.DAQ"
READ, SET = f"/{SERVICE}/Read", f"/{SERVICE}/Set"
LARGEST = 64 << 20  # bytes of one message that we take: 4 MiB, gRPC's default, is less than a large array (1)

Parsed = TypeVar("Parsed", bound=Message)


def parsed(kind: type[Parsed], data: bytes) -> Parsed:
    """The message in bytes; ProtocolError when they are none."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise ProtocolError(f"{len(data)} bytes are no {kind.DESCRIPTOR.full_name}") from None


def is_directive(text: str) -> bool:
    """Whether the server would take a request for a list property: it then answers nothing (section 3)."""
    return len(text) > 4 and text[0] == "#" and text[1] != ":"


def status_of(message: status_pb2.Status) -> tuple[Status, str]:
    """A status and its text for people; numbers that are no status count as 1/-1, and the text says so."""
    try:
        return Status.from_split(message.facility_code, message.status_code), message.message
    except ProtocolError as error:
        return RETRY, str(error)


def status_message(status: Status, text: str = "") -> status_pb2.Status:
    """The message of a status."""
    return status_pb2.Status(facility_code=status.facility, status_code=status.number, message=text)


def encode_read(requests: Iterable[str]) -> bytes:
    """The list of Read; a place in it is the index of its replies."""
    return daq_pb2.ReadingList(drf=requests).SerializeToString()


def decode_read(data: bytes) -> list[str]:
    """The requests of Read."""
    return list(parsed(daq_pb2.ReadingList, data).drf)


def encode_set(settings: Sequence[tuple[str, WireValue]]) -> bytes:
    """The list of Set. ProtocolError when a value cannot be carried."""
    message = daq_pb2.SettingList()
    for request, value in settings:
        one = message.setting.add()
        one.device = request
        fill(one.value, value)
    return message.SerializeToString()


def decode_set(data: bytes) -> list[tuple[str, WireValue | None]]:
    """The settings of Set; a value that is absent is None."""
    return [(one.device, value_of(one.value)) for one in parsed(daq_pb2.SettingList, data).setting]


def encode_set_reply(statuses: Iterable[Status]) -> bytes:
    """The answer to Set, a status for each setting in its order."""
    return daq_pb2.SettingReply(status=map(status_message, statuses)).SerializeToString()


def decode_set_reply(data: bytes) -> list[tuple[Status, str]]:
    """The statuses in answer to Set, as many as there are."""
    return [status_of(one) for one in parsed(daq_pb2.SettingReply, data).status]
