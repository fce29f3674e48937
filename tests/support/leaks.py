"""Whoever opens, closes: a test ends with the threads and file descriptors it began with.

Import the fixture where it is wanted: `from tests.support.leaks import no_leaks as no_leaks`, and ask for it by
name or with `pytestmark = pytest.mark.usefixtures("no_leaks")`.
"""

import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_PATIENCE = 3.0  # s in which threads that were told to end may do so
_OF_GRPC = "anon_inode:[eventfd]"  # grpcio's poller makes and ends them when it likes; nothing else here has any


def open_files() -> dict[int, str]:
    """The file descriptors of this process and what they lead to."""
    found: dict[int, str] = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:  # the one that listed the directory
            continue
    return found


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.is_alive()}


@contextmanager
def check_leaks(patience: float = _PATIENCE) -> Iterator[None]:
    """Assert that the block leaves no thread and no file descriptor behind, `patience` seconds after its end."""
    threads, files = _threads(), open_files()
    yield
    deadline = time.monotonic() + patience
    for thread in _threads() - threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = sorted(thread.name for thread in _threads() - threads)
    assert not left, f"threads left behind: {left}"
    new = _new_files(files)
    while new and time.monotonic() < deadline:
        gc.collect()  # what is closed by the collector is not left behind, though it deserves a ResourceWarning
        threading.Event().wait(0.02)
        new = _new_files(files)
    assert not new, f"file descriptors left behind: {new}"


def _new_files(before: dict[int, str]) -> dict[int, str]:
    now = open_files().items()
    return {number: leads for number, leads in now if before.get(number) != leads and leads != _OF_GRPC}


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """The test leaves no thread and no file descriptor behind."""
    with check_leaks():
        yield
