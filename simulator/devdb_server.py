"""The device database over gRPC: DevDB on a port of its own, over the facility (devdb.md 6)."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from gateway.core.errors import ProtocolError
from gateway.core.ports import Clock
from gateway.wire import devdb
from simulator.devdb_records import DevdbRecords
from simulator.facility import Facility
from simulator.faults import Faults
from simulator.grpc_host import GrpcHost

NAME = "devdb"
CALLS = 16  # that may run at once, as threads
REMEMBERED = 10_000  # calls
Wish = TypeVar("Wish")


@dataclass(frozen=True, slots=True)
class DevdbManners:
    """What servers of this service do differently (3.1 and 3.5)."""

    errors: bool = False  # an unknown device is answered by a text; else by a record that is all at its default
    backwards: bool = False  # entries come in another order than that of the request


class DevdbServer:
    """Serves the database of a facility. `start` listens before it returns; `stop` leaves nothing behind.

    `calls` has method and number of names of each call that came, oldest first.
    """

    def __init__(
        self,
        facility: Facility,
        clock: Clock,
        port: int = 50052,
        host: str = "127.0.0.1",
        *,
        faults: Faults | None = None,
        manners: DevdbManners | None = None,
    ) -> None:
        self.records = DevdbRecords(facility)
        self.calls: deque[tuple[str, int]] = deque(maxlen=REMEMBERED)
        self._clock, self._manners = clock, manners or DevdbManners()
        methods = {
            "getDeviceInfo": self._method("getDeviceInfo", devdb.decode_names, self._info),
            "getAllAlarmInfo": self._method("getAllAlarmInfo", devdb.decode_names, self._alarms),
            "getAlarmText": self._method("getAlarmText", devdb.decode_text_ids, self._texts),
        }
        self._host = GrpcHost(NAME, "device database", devdb.SERVICE, methods, CALLS, faults, (host, port))

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self._host.address

    def start(self) -> None:
        """Listen and serve. BadInput, one sentence, when the port cannot be had."""
        self._host.start()

    def stop(self) -> bool:
        """End within two seconds; False when something did not. Safe to call twice."""
        return self._host.stop()

    def _method(
        self, name: str, decode: Callable[[bytes], list[Wish]], answer: Callable[[list[Wish]], bytes]
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        def call(data: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                wishes = decode(data)
            except ProtocolError as error:
                context.abort(grpc.StatusCode.INTERNAL, str(error))
            self.calls.append((name, len(wishes)))
            return answer(wishes)

        return grpc.unary_unary_rpc_method_handler(call)

    def _info(self, names: list[str]) -> bytes:
        entries = [self._entry(name) for name in names]
        return devdb.encode_info(entries[::-1] if self._manners.backwards else entries)

    def _entry(self, name: str) -> devdb.Entry:
        record = self.records.device(name)
        if record is None and self._manners.errors:
            return devdb.Entry(name, None, f"device {name} not found")
        return devdb.Entry(name, record or devdb.DeviceRecord())

    def _alarms(self, names: list[str]) -> bytes:
        now_ns = self._clock.now_ns()
        found = [record for name in names for record in self.records.alarms(name, now_ns)]
        return devdb.encode_alarms(found[::-1] if self._manners.backwards else found)

    def _texts(self, ids: list[int]) -> bytes:
        found = ((number, self.records.text(number)) for number in ids)
        return devdb.encode_texts((number, text) for number, text in found if text is not None)
