"""A DAQ server that does what a test says, byte for byte: for what the simulator never does."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from gateway.wire import daq

Read = Callable[[list[str], grpc.ServicerContext], Iterator[bytes]]


class ScriptedDaq:
    """Plays `read` and `set`, which may be changed while it runs, and remembers what was asked."""

    def __init__(self, port: int = 0) -> None:
        self.reads: list[list[str]] = []  # the lists that were asked for; those of pings are empty
        self.sets: list[list[tuple[str, Any]]] = []
        self.identities: list[str | None] = []  # the token of each call of Read that is no ping
        self.open = 0  # calls of Read that run
        self.read: Read = lambda _, __: iter(())
        self.answer: Callable[[int, grpc.ServicerContext], bytes] = lambda _, __: daq.encode_set_reply([])
        self.ending = threading.Event()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(32)
        self._server = grpc.server(self._pool, options=(("grpc.so_reuseport", 0),))
        methods = {
            "Read": grpc.unary_stream_rpc_method_handler(self._read),
            "Set": grpc.unary_unary_rpc_method_handler(self._set),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(daq.SERVICE, methods),))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    def __enter__(self) -> "ScriptedDaq":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End all calls."""
        self.ending.set()
        assert self._server.stop(0).wait(5.0)
        self._pool.shutdown()

    @property
    def lists(self) -> list[list[str]]:
        """What was asked for, without pings."""
        return [one for one in self.reads if one]

    def _read(self, data: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        texts = daq.decode_read(data)
        with self._lock:
            self.reads.append(texts)
            if texts:
                self.identities.append(dict(context.invocation_metadata()).get("authorization"))
            self.open += 1
        try:
            yield from self.read(texts, context)
        finally:
            with self._lock:
                self.open -= 1

    def _set(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        settings = daq.decode_set(data)
        with self._lock:
            self.sets.append(settings)
        return self.answer(len(settings), context)

    def until_over(self, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Say nothing until the call ends."""
        over = threading.Event()
        if context.add_callback(over.set):
            over.wait(30.0)
        yield from ()


def replies(*messages: bytes, code: str = "OK", text: str = "as the script says") -> Read:
    """Send these and end with a code."""

    def read(texts: list[str], context: grpc.ServicerContext) -> Iterator[bytes]:
        if texts:
            yield from messages
            if code != "OK":
                context.abort(grpc.StatusCode[code], text)

    return read
