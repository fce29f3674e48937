"""Connect time of libca, the C client library of EPICS, called through ctypes from the build in epicscorelibs."""

import ctypes
import importlib.util
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence

from gateway.app.bench.rawca import HOST, MeasurementFailed

PACKAGE = "epicscorelibs"
_CONNECTED = 6  # CA_OP_CONN_UP
_PATIENCE = 60.0  # s


class _Args(ctypes.Structure):
    """struct connection_handler_args of cadef.h."""

    _fields_ = (("chid", ctypes.c_void_p), ("op", ctypes.c_long))


def installed() -> bool:
    """Whether libca is there."""
    return importlib.util.find_spec(PACKAGE) is not None


def connect(names: Sequence[str], repeater_port: int) -> float:
    """Seconds until all channels are connected; MeasurementFailed after a minute.

    The process cannot use libca again, and should end by `leave`. The environment must say where libca searches.
    """
    from epicscorelibs.path import get_lib  # type: ignore[import-untyped]

    library = ctypes.CDLL(get_lib("ca"))
    missing, done = len(names), threading.Event()

    @ctypes.CFUNCTYPE(None, _Args)  # type: ignore[untyped-decorator]  # typeshed has no type for it
    def changed(args: _Args) -> None:
        nonlocal missing
        missing += -1 if args.op == _CONNECTED else 1
        if not missing:
            done.set()

    # libca starts a repeater where nobody holds its port, and that would outlive us
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as repeater:
        repeater.bind((HOST, repeater_port))
        library.ca_context_create(1)
        channels = (ctypes.c_void_p * len(names))()
        began = time.perf_counter()
        for place, name in enumerate(names):
            library.ca_create_channel(name.encode(), changed, None, 0, ctypes.byref(channels, place * 8))
        library.ca_flush_io()
        if not done.wait(_PATIENCE):
            raise MeasurementFailed(f"libca did not connect {missing} of {len(names)} PVs in {_PATIENCE:g} s")
        return time.perf_counter() - began


def leave(status: int) -> None:
    """End the process at once: libca's own threads would still call back while the interpreter ends."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
