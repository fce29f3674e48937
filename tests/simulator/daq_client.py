"""A small client of DAQ for tests: grpcio and the codec, nothing decided."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc

from gateway.core.status import Status
from gateway.wire import daq
from gateway.wire.daq_replies import Replies, decode_replies

PATIENCE = 5.0  # s


class DaqClient:
    """One channel to a server."""

    def __init__(self, address: tuple[str, int], token: str | None = None) -> None:
        options = (
            ("grpc.enable_http_proxy", 0),
            ("grpc.max_receive_message_length", daq.LARGEST),
            ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
        )
        self.channel = grpc.insecure_channel(f"{address[0]}:{address[1]}", options)
        self.metadata = (("authorization", f"Bearer {token}"),) if token else None

    def __enter__(self) -> "DaqClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def call(self, *texts: str, timeout: float | None = PATIENCE) -> Any:
        """A call of Read, to iterate over; `cancel` ends it."""
        return self.channel.unary_stream(daq.READ)(daq.encode_read(texts), timeout=timeout)

    def read(self, *texts: str, timeout: float = PATIENCE) -> Replies:
        """All that a call brings until the server closes it."""
        return decode_replies(list(self.call(*texts, timeout=timeout)))

    @contextmanager
    def stream(self, *texts: str) -> Iterator[Any]:
        """A call that is cancelled at the end."""
        call = self.call(*texts, timeout=60.0)
        try:
            yield call
        finally:
            call.cancel()

    def set(self, *settings: tuple[str, Any], timeout: float = 8.0) -> list[Status]:
        """The statuses of settings."""
        return [status for status, _ in daq.decode_set_reply(self.raw_set(daq.encode_set(settings), timeout))]

    def raw_set(self, data: bytes, timeout: float = 8.0) -> bytes:
        """The answer to bytes."""
        answer: bytes = self.channel.unary_unary(daq.SET)(data, timeout=timeout, metadata=self.metadata)
        return answer


def one(call: Any) -> Replies:
    """The next reply of a call."""
    return decode_replies([next(call)])


def failure(call: Sequence[str] | Any) -> grpc.StatusCode:
    """How a call ends that fails."""
    try:
        for _ in call:
            pass
    except grpc.RpcError as error:
        return error.code()  # type: ignore[attr-defined]
    raise AssertionError("the call ended without an error")
