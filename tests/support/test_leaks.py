import os
import re

import pytest

from gateway.runtime.worker import StopToken, Worker
from tests.support.leaks import check_leaks


def until_told(token: StopToken) -> None:
    token.wait(60)


def test_a_thread_that_stays_is_named() -> None:
    worker = Worker("left behind", until_told)
    with pytest.raises(AssertionError, match="left behind"), check_leaks(patience=0.0):
        worker.start()
    assert worker.stop(5)


def test_a_thread_that_ends_soon_after_is_no_leak() -> None:
    worker = Worker("soon", until_told)
    with check_leaks():
        worker.start()
        worker.signal_stop()


def test_a_file_descriptor_that_stays_is_named() -> None:
    left: list[int] = []
    with pytest.raises(AssertionError, match=re.escape("pipe:")), check_leaks(patience=0.0):
        left += os.pipe()
    for number in left:
        os.close(number)


def test_what_was_there_before_is_no_leak() -> None:
    left = os.pipe()
    with check_leaks(patience=0.0):
        pass
    for number in left:
        os.close(number)
