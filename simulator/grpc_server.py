"""The DAQ service over gRPC: Read and Set on one port, over the facility (dpm-grpc.md 10).

Each call of Read holds a thread of grpcio's pool while it lasts.
"""

import threading
from collections.abc import Iterator
from typing import NoReturn

import grpc

from gateway.core.drf import DataRequest
from gateway.core.errors import ProtocolError
from gateway.core.ports import Clock
from gateway.core.status import PRIV, Status
from gateway.core.values import Value
from gateway.wire import daq
from simulator.daq_manners import DPM, Manners
from simulator.daq_read import DaqRead
from simulator.daq_set import wishes_of
from simulator.facility import Facility
from simulator.faults import Faults
from simulator.grpc_host import GrpcHost
from simulator.sent_log import SentLog
from simulator.set_order import SILENT_NS, set_all
from simulator.tokens import TokenCheck, Verdict

NAME = "dpm_grpc"
CALLS = 200  # that may run at once, as threads
_CODES = {Verdict.UNKNOWN: grpc.StatusCode.UNAUTHENTICATED, Verdict.DENIED: grpc.StatusCode.PERMISSION_DENIED}


class GrpcServer:
    """Serves a facility to any number of clients. `start` listens before it returns; `stop` leaves nothing behind.

    Without a `check` everybody may set.
    """

    def __init__(
        self,
        facility: Facility,
        clock: Clock,
        port: int = 50051,
        host: str = "127.0.0.1",
        *,
        faults: Faults | None = None,
        sent_log: SentLog | None = None,
        check: TokenCheck | None = None,
        manners: Manners = DPM,
    ) -> None:
        self._facility, self._clock, self._log, self._check, self._manners = facility, clock, sent_log, check, manners
        self._zero = (clock.now_ns(), clock.monotonic())
        methods = {
            "Read": grpc.unary_stream_rpc_method_handler(self._read),
            "Set": grpc.unary_unary_rpc_method_handler(self._set),
        }
        self._host = GrpcHost(NAME, "DPM over gRPC", daq.SERVICE, methods, CALLS, faults, (host, port))

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

    def _now(self) -> int:
        """Unix time in ns that never steps back."""
        wall_ns, monotonic = self._zero
        return wall_ns + int((self._clock.monotonic() - monotonic) * 1e9)

    def _read(self, data: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        ended = self._ended(context)
        try:
            texts = daq.decode_read(data)
        except ProtocolError as error:
            self._abort(context, grpc.StatusCode.INTERNAL, str(error))
        call = DaqRead(self._facility, texts, self._now(), self._manners, self._record if self._log else None)
        while (next_ns := call.next_ns()) is not None:
            if ended.wait(max(0.0, (next_ns - self._now()) / 1e9)):
                return
            yield from call.due(self._now())
            if self._log is not None:
                self._log.flush(self._clock.monotonic())

    def _set(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        ended = self._ended(context)
        try:
            wishes = wishes_of(daq.decode_set(data))
        except ProtocolError as error:
            self._abort(context, grpc.StatusCode.INTERNAL, str(error))
        verdict = self._judge(context)
        if verdict is not Verdict.GOOD:
            if self._manners.codes:
                self._abort(context, _CODES[verdict], verdict.value)
            return daq.encode_set_reply([PRIV] * len(wishes))
        statuses: list[Status]
        statuses, late = set_all(self._facility, wishes, self._now())
        if late:
            ended.wait(SILENT_NS / 1e9)
        return daq.encode_set_reply(statuses)

    def _judge(self, context: grpc.ServicerContext) -> Verdict:
        if self._check is None:
            return Verdict.GOOD
        found = [value for key, value in context.invocation_metadata() if key == "authorization"]
        return self._check.judge(found[0] if found and isinstance(found[0], str) else None)

    def _ended(self, context: grpc.ServicerContext) -> threading.Event:
        """An event that is set when the call is over, for whatever reason."""
        ended = threading.Event()
        if not context.add_callback(ended.set):
            ended.set()
        return ended

    def _abort(self, context: grpc.ServicerContext, code: grpc.StatusCode, text: str) -> NoReturn:
        context.abort(code, text)
        raise AssertionError("abort raises")

    def _record(self, request: DataRequest, stamp_ns: int, value: Value) -> None:
        if self._log is not None:
            self._log.add(stamp_ns // 1_000_000, request, value)
