"""The device database over gRPC: DevDB on a port of its own, over the facility (devdb.md 6)."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

import grpc

from gateway.core.errors import BadInput, ProtocolError
from gateway.core.ports import Clock
from gateway.wire import devdb
from simulator.devdb_records import DevdbRecords
from simulator.facility import Facility
from simulator.faults import Faults
from simulator.relay import Relay

NAME = "devdb"
CALLS = 16  # that may run at once, as threads
REMEMBERED = 10_000  # calls
_OPTIONS = (
    ("grpc.max_receive_message_length", devdb.LARGEST),
    ("grpc.max_send_message_length", -1),
)
_number = count()  # of the servers of this process, for the names of their sockets
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
        name = f"acgate-devdb-{os.getpid()}-{next(_number)}"
        self._inner = f"unix-abstract:{name}"
        self._relay = Relay(NAME, f"\0{name}", faults or Faults(NAME), host, port, "the simulated device database")
        self._pool = ThreadPoolExecutor(CALLS, "simulator-devdb")
        self._server = grpc.server(self._pool, options=_OPTIONS)
        methods = {
            "getDeviceInfo": self._method("getDeviceInfo", devdb.decode_names, self._info),
            "getAllAlarmInfo": self._method("getAllAlarmInfo", devdb.decode_names, self._alarms),
            "getAlarmText": self._method("getAlarmText", devdb.decode_text_ids, self._texts),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(devdb.SERVICE, methods),))

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self._relay.address

    def start(self) -> None:
        """Listen and serve. BadInput, one sentence, when the port cannot be had."""
        self._server.add_insecure_port(self._inner)
        self._server.start()
        try:
            self._relay.start()
        except BadInput:
            self.stop()
            raise

    def stop(self, timeout: float = 2.0) -> bool:
        """End all calls and close everything; False when something did not end in time. Safe to call twice."""
        relayed = self._relay.stop(timeout)
        served = self._server.stop(0).wait(timeout)
        self._pool.shutdown(wait=served, cancel_futures=True)
        return relayed and served

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
