"""BlockEdits: one part of an alarm block is set, and everything else in it stays as it was (values.md 5.7)."""

import threading
from dataclasses import replace

from gateway.core.alarm_block import HELD, PATTERNS, SIZE, AlarmBlock
from gateway.core.drf import DataRequest, Property
from gateway.core.drf_events import IMMEDIATE, NEVER
from gateway.core.drf_range import DrfRange
from gateway.core.errors import BadInput, ProtocolError
from gateway.core.ports import Backend, Clock
from gateway.core.status import RETRY, SCALEFAIL, Status
from gateway.core.values import Outcome, Setting, SettingResult, SettingValue

_BLOCK = DrfRange(byte=True, mode="span", start=0, end=SIZE)
_NO_FIELDS = {Property.ANALOG: SCALEFAIL, Property.DIGITAL: Status(14, -7)}  # of a server that knows the block only
_NOT_BY_FIELD = "the service does not set this part of an alarm block, or not to this value; :RAW sets all of it"
_NOTHING_SENT = "the alarm block was not written"


def is_block_edit(request: DataRequest) -> bool:
    """Whether a setting is one of an alarm block."""
    return request.property in _NO_FIELDS


class BlockEdits:
    """The alarm blocks behind one route. Each edit is one setting, and edits of one ACNET device take turns.

    A field goes out as it is: the server reads the block, changes it in the block's own limit type and scale, and
    writes it back. A server that cannot, and fields that no server sets, are served by the same three steps done here
    with the 20 bytes; limits in engineering units are left to servers, since only they know the scale.
    """

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend, self._clock = backend, clock
        self._turns: dict[str, threading.Lock] = {}  # by ACNET device

    def write(self, setting: Setting, timeout: float) -> SettingResult:
        """Set a field, or all 20 bytes, within `timeout` seconds."""
        deadline = self._clock.monotonic() + timeout
        request = setting.request
        with self._turns.setdefault(request.device, threading.Lock()):
            left = deadline - self._clock.monotonic()
            if isinstance(setting.value, bytes):
                return replace(self._send(setting, setting.value, left), setting=setting)
            if request.field == "ALARM_FTD":  # of no server (values.md 5.7)
                return self._edit(setting, setting.value, deadline)
            result = self._backend.write([setting], left)[0]
            assert request.property is not None, "a foreign name has no alarm block"
            cannot = result.outcome is Outcome.REFUSED and result.status == _NO_FIELDS[request.property]
            held = request.field in HELD or (request.property is Property.DIGITAL and request.field in PATTERNS)
            if cannot and held:
                return self._edit(setting, setting.value, deadline)
            return replace(result, message=result.message or _NOT_BY_FIELD) if cannot else result

    def _edit(self, setting: Setting, value: SettingValue, deadline: float) -> SettingResult:
        """Read the block, change what is meant, and write all of it back."""
        request = replace(setting.request, range=_BLOCK, field="RAW")
        reading = self._backend.read([request.with_event(IMMEDIATE)], deadline - self._clock.monotonic())[0]
        if not isinstance(reading.value, bytes):
            status = reading.status if reading.status.failed else RETRY
            return _refused(setting, status, f"the alarm block could not be read; {_NOTHING_SENT}")
        assert isinstance(value, float), "a field is one number"
        assert setting.request.field is not None, "an alarm block is edited by its fields"
        try:
            block = AlarmBlock.decode(reading.value).with_field(setting.request.field, value)
        except (BadInput, ProtocolError) as error:
            return _refused(setting, SCALEFAIL, f"{error}; {_NOTHING_SENT}")
        result = self._send(setting, block.encode(), deadline - self._clock.monotonic())
        return replace(result, setting=setting)

    def _send(self, setting: Setting, block: bytes, timeout: float) -> SettingResult:
        request = replace(setting.request, range=_BLOCK, field="RAW", event=NEVER)
        return self._backend.write([Setting(request, block)], timeout)[0]


def _refused(setting: Setting, status: Status, message: str) -> SettingResult:
    return SettingResult(setting, status, Outcome.REFUSED, message, sent=False)
