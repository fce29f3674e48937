"""A TCP connection that is made in bounded time and can be given up from another thread."""

import os
import select
import socket
from collections.abc import Callable
from contextlib import suppress

from gateway.core.ports import Clock

_SLICE = 0.2  # s between two looks whether it was cancelled

Cancelled = Callable[[], bool]


def connect(host: str, port: int, deadline: float, clock: Clock, cancelled: Cancelled) -> socket.socket:
    """A socket, not blocking, connected to the first address of the host that answers.

    OSError otherwise, with a reason for people in it: TimeoutError at the monotonic time `deadline`,
    ConnectionAbortedError when cancelled.
    """
    failure: OSError = OSError("the name has no address")
    try:
        places = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # of a name that cannot be one
        raise OSError(str(error)) from None
    for family, _, _, _, place in places:
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            _connect(made, (str(place[0]), int(place[1])), deadline, clock, cancelled)
        except ConnectionAbortedError:
            made.close()
            raise
        except OSError as error:
            made.close()
            failure = error
        else:
            return made
    raise failure


def _connect(made: socket.socket, place: tuple[str, int], deadline: float, clock: Clock, cancelled: Cancelled) -> None:
    made.setblocking(False)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with suppress(BlockingIOError):
        made.connect(place)
    until_ready(made, select.POLLOUT, deadline, clock, cancelled)
    if error := made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))


def until_ready(waited: socket.socket, event: int, deadline: float, clock: Clock, cancelled: Cancelled) -> None:
    """Wait until the socket is ready for a poll event; TimeoutError or ConnectionAbortedError when it will not be."""
    poll = select.poll()
    poll.register(waited, event)
    while not poll.poll(max(0.0, min(_SLICE, deadline - clock.monotonic())) * 1000 + 1):
        if cancelled():
            raise ConnectionAbortedError("closed here")
        if clock.monotonic() >= deadline:
            raise TimeoutError("no answer in time")


def said(error: OSError) -> str:
    """The reason in the system's words."""
    return error.strerror or str(error) or type(error).__name__
