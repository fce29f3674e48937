"""The messages of DPM over TCP: bytes <-> message (dpm-http.md sections 4.1 and 5). All message names are here."""

from typing import get_args

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
from gateway.wire.sdd import Vocabulary

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

_REQUESTS: dict[int, Layout[Request]] = {kind.ID: layout_of(kind, KEYS) for kind in get_args(Request)}
_REPLIES: dict[int, Layout[Reply]] = {kind.ID: layout_of(kind, KEYS) for kind in get_args(Reply)}
_DPM = Vocabulary.of(-1321570246, _REQUESTS, _REPLIES)
_WRITTEN: dict[object, tuple[bytes, Layout[Request] | Layout[Reply]]] = {
    **{layout.make: (_DPM.start(number), layout) for number, layout in _REQUESTS.items()},
    **{layout.make: (_DPM.start(number), layout) for number, layout in _REPLIES.items()},
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
    return _DPM.decode_request(body)


def decode_reply(body: bytes) -> Reply:
    """The reply in one message body; bytes behind it are ignored. Raises ProtocolError only."""
    return _DPM.decode_reply(body)
