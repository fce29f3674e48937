"""The messages of DPM over TCP: bytes <-> message (dpm-http.md sections 4.1 and 5). All message names are here."""

from collections.abc import Mapping
from typing import TypeVar, get_args

from gateway.core.errors import ProtocolError
from gateway.wire.dpm_fields import (
    KEYS,
    RawSetting,
    ScaledSetting,
    SettingStatus,
    TextSetting,
)
from gateway.wire.dpm_layout import Layout, layout_of
from gateway.wire.dpm_replies import (
    AddToListReply,
    AnalogAlarmReply,
    ApplySettingsReply,
    AuthenticateReply,
    BasicStatusReply,
    DeviceInfoReply,
    DigitalAlarmReply,
    ListStatusReply,
    OpenListReply,
    RawReply,
    RemoveFromListReply,
    Reply,
    ScalarArrayReply,
    ScalarReply,
    ServiceDiscoveryReply,
    StartListReply,
    StatusReply,
    TextArrayReply,
    TextReply,
    TimedScalarArrayReply,
)
from gateway.wire.dpm_requests import (
    AddToList,
    ApplySettings,
    Authenticate,
    ClearList,
    EnableSettings,
    OpenList,
    RemoveFromList,
    Request,
    ServiceDiscovery,
    StartList,
    StopList,
)
from gateway.wire.pc import ARRAY, INTEGER, pack_number, unpack_number

T = TypeVar("T")


Message = Request | Reply

__all__ = [
    "AddToList",
    "AddToListReply",
    "AnalogAlarmReply",
    "ApplySettings",
    "ApplySettingsReply",
    "Authenticate",
    "AuthenticateReply",
    "BasicStatusReply",
    "ClearList",
    "DeviceInfoReply",
    "DigitalAlarmReply",
    "EnableSettings",
    "ListStatusReply",
    "Message",
    "OpenList",
    "OpenListReply",
    "RawReply",
    "RawSetting",
    "RemoveFromList",
    "RemoveFromListReply",
    "Reply",
    "Request",
    "ScalarArrayReply",
    "ScalarReply",
    "ScaledSetting",
    "ServiceDiscovery",
    "ServiceDiscoveryReply",
    "SettingStatus",
    "StartList",
    "StartListReply",
    "StatusReply",
    "StopList",
    "TextArrayReply",
    "TextReply",
    "TextSetting",
    "TimedScalarArrayReply",
    "decode_reply",
    "decode_request",
    "encode",
    "frame",
]

_MAGIC = b"SDD\x02"
_PROTOCOL = -1321570246
_HEADER = _MAGIC + pack_number(ARRAY, 3) + pack_number(INTEGER, _PROTOCOL)

_REQUESTS: dict[int, Layout[Request]] = {kind.ID: layout_of(kind, KEYS) for kind in get_args(Request)}
_REPLIES: dict[int, Layout[Reply]] = {kind.ID: layout_of(kind, KEYS) for kind in get_args(Reply)}
_WRITTEN: dict[object, tuple[bytes, Layout[Request] | Layout[Reply]]] = {
    **{layout.make: (_HEADER + pack_number(INTEGER, number), layout) for number, layout in _REQUESTS.items()},
    **{layout.make: (_HEADER + pack_number(INTEGER, number), layout) for number, layout in _REPLIES.items()},
}


def encode(message: Message) -> bytes:
    """One message without its frame; a ProtocolError when a value has no place in its field."""
    start, layout = _WRITTEN[type(message)]
    return start + layout.pack(message)


def frame(body: bytes) -> bytes:
    """A message body with its length before it, as it travels on TCP (section 3)."""
    return len(body).to_bytes(4, "big") + body


def decode_request(body: bytes) -> Request:
    """The request in one message body; bytes behind it are ignored. Raises ProtocolError only."""
    return _decode(_REQUESTS, body)


def decode_reply(body: bytes) -> Reply:
    """The reply in one message body; bytes behind it are ignored. Raises ProtocolError only."""
    return _decode(_REPLIES, body)


def _decode(layouts: Mapping[int, Layout[T]], body: bytes) -> T:
    at = len(_HEADER)
    if not body.startswith(_HEADER):
        at = _read_header(body)
    number, at = unpack_number(INTEGER, body, at)
    layout = layouts.get(number)
    if layout is None:
        raise ProtocolError(f"unknown message id {number}")
    return layout.unpack(body, at)[0]


def _read_header(body: bytes) -> int:
    """The place behind a header that is not written in the usual, minimal way."""
    if not body.startswith(_MAGIC):
        raise ProtocolError(f"no SDD message of version 2: it begins with {body[:4].hex(' ')!r}")
    elements, at = unpack_number(ARRAY, body, len(_MAGIC))
    if elements != 3:
        raise ProtocolError(f"a message has 3 elements, this one {elements}")
    protocol, at = unpack_number(INTEGER, body, at)
    if protocol != _PROTOCOL:
        raise ProtocolError(f"unknown protocol {protocol}")
    return at
