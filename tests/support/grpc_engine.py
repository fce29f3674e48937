"""grpcio has one poller per process, which ends some time after its last channel: here is one that stays.

A test that counts descriptors calls `begin` first.
"""

from functools import cache

import grpc


@cache
def begin() -> grpc.Channel:
    """A channel that is open as long as the process is; it has tried to connect to a port where nobody listens."""
    channel = grpc.insecure_channel("127.0.0.1:1", (("grpc.enable_http_proxy", 0),))
    try:
        channel.unary_unary("/nobody/serves")(b"", timeout=5.0)
    except grpc.RpcError:
        return channel
    raise AssertionError("somebody listens on port 1")
