"""StopSignal: the first signal asks for the end, the second one is the end."""

import os
import select
import signal
import subprocess
import sys
import threading

import pytest

from gateway.app.ending import Stopped, StopSignal, unless_stopped
from gateway.core.errors import BadInput

CHILD = """
import sys
import threading
from gateway.app.ending import Stopped, StopSignal, unless_stopped
from gateway.core.errors import BadInput
with StopSignal() as stop:
    print("ready", flush=True)
    stop.wait()
    print("first", flush=True)
    {then}
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_frees_the_waiter(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with StopSignal() as stop:
        assert not stop.wait(0.0)
        assert not stop.stopped

        os.kill(os.getpid(), number)

        assert stop.wait(5.0)
        assert select.select([stop.fileno()], [], [], 0)[0]
    assert signal.getsignal(number) is before


def test_a_wait_ends_with_its_time() -> None:
    with StopSignal() as stop:
        assert not stop.wait(0.01)


def test_it_can_be_told_to_stop_more_than_once() -> None:
    with StopSignal() as stop:
        stop.stop()
        stop.stop()

        assert stop.wait()


def run_child(then: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD.format(then=then)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_process_that_was_told_once_ends_in_order() -> None:
    with run_child("sys.exit(0)") as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGTERM)

        assert child.wait(10) == 0


def test_a_second_signal_ends_at_once() -> None:
    with run_child("sys.stdin.read()") as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "first\n"
        child.send_signal(signal.SIGTERM)

        assert child.wait(10) == -signal.SIGTERM


def test_work_that_is_done_before_a_signal_gives_its_outcome() -> None:
    with StopSignal() as stop:
        assert unless_stopped(stop, lambda: 42) == 42


def test_work_that_fails_raises_what_it_raised_and_says_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise BadInput("the file is absent")

    with StopSignal() as stop, pytest.raises(BadInput, match="the file is absent"):
        unless_stopped(stop, fail)
    assert caplog.messages == []


def test_work_that_breaks_raises_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with StopSignal() as stop, pytest.raises(ZeroDivisionError):
        unless_stopped(stop, lambda: 1 / 0)
    assert caplog.messages == ["the worker start died"]


def test_a_signal_cuts_work_short() -> None:
    begun, free = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        free.wait(10)

    with StopSignal() as stop:
        stop.stop()
        with pytest.raises(Stopped):
            unless_stopped(stop, work)
    assert begun.wait(10)
    free.set()
