"""DevDB over gRPC: the port DeviceInfoSource (devdb.md). One channel, unary calls, many names in each."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import grpc

from gateway.core.device_info import DeviceInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.errors import BadRequest, ProtocolError
from gateway.core.ports import ANYTHING, Clock
from gateway.wire import devdb
from gateway.wire.devdb_info import device_info

AT_ONCE = 2000  # names in one call: about 1 MB of answer
MOST_SAID = 1000  # lines about devices, each once
CALL = 5.0  # s that one call may take (devdb.md 1)
_OPTIONS = (
    ("grpc.max_receive_message_length", devdb.LARGEST),  # gRPC's default of 4 MiB is less than long descriptions need
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5000),
)
_TOO_LARGE = "larger than max"  # so says grpc of a message that it does not take: fewer names make a smaller one
_log = logging.getLogger("acgate.devdb")
Reply = TypeVar("Reply")
Say = Callable[[str, str], None]  # the name of a device, and what is strange about it


class _Away(Exception):
    """The database did not answer; the text says why."""


class DevdbSource:
    """One device database. `last_error` says why it could not be asked last, and is empty when it could.

    What is strange about a device is logged once, in one line. Safe from any thread, one call at a time.
    """

    def __init__(self, host: str, port: int, *, clock: Clock, tls: bool = False, at_once: int = AT_ONCE) -> None:
        target = f"{host}:{port}"
        self._clock, self._at_once, self._target = clock, at_once, target
        self._channel = (
            grpc.secure_channel(target, grpc.ssl_channel_credentials(), _OPTIONS)
            if tls
            else grpc.insecure_channel(target, _OPTIONS)
        )
        self._info = self._channel.unary_unary(devdb.GET_INFO, None, None)
        self._alarms = self._channel.unary_unary(devdb.GET_ALARMS, None, None)
        self._lock = threading.Lock()
        self._said: set[str] = set()
        self.last_error = ""

    def describe(
        self,
        devices: Sequence[str],
        timeout: float,
        only: Mapping[str, frozenset[Property]] = ANYTHING,  # noqa: ARG002 - all of a device comes at once
    ) -> dict[str, DeviceInfo]:
        """See the port; names that are no names of ACNET's database, such as foreign ones, are left out."""
        return self._describe(devices, timeout, self._say)

    def look_up(self, devices: Sequence[str], timeout: float) -> dict[str, DeviceInfo]:
        """The same of names that somebody has searched for: nothing is logged of them."""
        return self._describe(devices, timeout, lambda _name, _sentence: None)

    def _describe(self, devices: Sequence[str], timeout: float, say: Say) -> dict[str, DeviceInfo]:
        names = list(dict.fromkeys(name for device in devices if (name := _name(device))))
        deadline = self._clock.monotonic() + timeout
        found: dict[str, DeviceInfo] = {}
        with self._lock:
            self.last_error = ""
            try:
                for start in range(0, len(names), self._at_once):
                    self._ask(names[start : start + self._at_once], deadline, found, say)
            except _Away as away:
                self.last_error = str(away)
        return found

    def close(self) -> None:
        """End a call that waits, and the channel. Safe to call twice."""
        self._channel.close()

    def _ask(self, names: list[str], deadline: float, found: dict[str, DeviceInfo], say: Say) -> None:
        """Describe some devices; where an answer cannot be read, half of them at a time, down to the one at fault."""
        try:
            entries = self._call(self._info, names, devdb.decode_info, deadline)
            blocks = self._call(self._alarms, names, devdb.decode_alarms, deadline)
        except ProtocolError as error:
            if len(names) == 1:
                say(names[0], f"the device database's answer cannot be read ({error}); it is left out")
                return
            for half in (names[: len(names) // 2], names[len(names) // 2 :]):
                self._ask(half, deadline, found, say)
            return
        alarms: dict[str, list[devdb.AlarmRecord]] = {}
        for block in blocks:
            alarms.setdefault(block.device.strip().upper(), []).append(block)
        wanted = set(names)
        for place, entry in enumerate(entries):
            name = entry.name.strip().upper()
            if name not in wanted and place < len(names):
                name = names[place]  # by place, where the database answers by another spelling (devdb.md 3.1)
            if name not in wanted:
                continue
            if entry.device is None:
                say(name, f"the device database says: {entry.error or 'nothing'}")
                continue
            found[name], strange = device_info(name, entry.device, alarms.get(name, ()))
            for sentence in strange:
                say(name, sentence)

    def _call(
        self,
        method: "grpc.UnaryUnaryMultiCallable[bytes, bytes]",
        names: list[str],
        decode: Callable[[bytes], Reply],
        deadline: float,
    ) -> Reply:
        left = min(CALL, deadline - self._clock.monotonic())
        if left <= 0:
            raise _Away(f"the device database {self._target} has not answered all in time")
        try:
            return decode(method(devdb.encode_names(names), timeout=left))
        except grpc.RpcError as error:
            said = error.details() or ""
            if _TOO_LARGE in said:
                raise ProtocolError(said) from None
            raise _Away(f"the device database {self._target}: {error.code().name} {said}") from None
        except ValueError:  # so says grpc of a channel that was closed
            raise _Away(f"the link to the device database {self._target} was closed") from None

    def _say(self, name: str, sentence: str) -> None:
        line = f"{name}: {sentence}"
        if line not in self._said and len(self._said) < MOST_SAID:
            self._said.add(line)
            _log.warning("%s", line)


def _name(device: str) -> str:
    """The canonical name by which the database knows a device; empty for an index and for foreign names."""
    try:
        request = DataRequest.parse(device)
    except BadRequest:
        return ""
    return "" if request.is_foreign or request.device[:2] in ("0:", "#:") else request.device
