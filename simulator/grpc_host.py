"""GrpcHost: grpcio behind a relay, which has the port and plays the faults of the link."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import grpc

from gateway.core.errors import BadInput
from gateway.wire.daq import LARGEST
from simulator.faults import Faults
from simulator.relay import Relay

_OPTIONS = (("grpc.max_receive_message_length", LARGEST), ("grpc.max_send_message_length", -1))
_number = count()  # of the servers of this process, for the names of their sockets


class GrpcHost:
    """One service on one port. `methods` by name; each call that runs holds a thread of a pool of `calls`.

    `key` is the service's in faults and ready files, `title` its name for people. `start` listens before it returns;
    `stop` leaves nothing behind.
    """

    def __init__(
        self,
        key: str,
        title: str,
        service: str,
        methods: Mapping[str, "grpc.RpcMethodHandler[Any, Any]"],
        calls: int,
        faults: Faults | None,
        address: tuple[str, int],
    ) -> None:
        name = f"acgate-{key}-{os.getpid()}-{next(_number)}"
        self._inner = f"unix-abstract:{name}"
        self._relay = Relay(key, f"\0{name}", faults or Faults(key), address, title)
        self._pool = ThreadPoolExecutor(calls, f"simulator-{key}")
        self._server = grpc.server(self._pool, options=_OPTIONS)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, dict(methods)),))

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
