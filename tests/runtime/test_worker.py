import logging
import queue
import threading

import pytest

from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken, SupervisedWorker, Worker
from tests.support.clock import ManualClock
from tests.support.leaks import no_leaks as no_leaks

pytestmark = pytest.mark.usefixtures("no_leaks")
AT_ONCE = Backoff(first=0.0)


def until_told(token: StopToken) -> None:
    token.wait(60)


def test_a_worker_runs_under_its_name_until_it_is_told_to_stop() -> None:
    names: queue.Queue[str] = queue.Queue()

    def target(token: StopToken) -> None:
        names.put(threading.current_thread().name)
        assert token.wait(60)
        assert token.stopped()

    worker = Worker("reader of dpm", target)
    worker.start()
    assert names.get(timeout=5) == "reader of dpm"
    assert worker.alive
    assert worker.stop(5)
    assert not worker.alive


def test_a_worker_that_never_started_is_stopped_already() -> None:
    assert Worker("idle", until_told).stop(0)


def test_a_worker_that_does_not_listen_is_said_to_run_still() -> None:
    free = threading.Event()

    def target(_: StopToken) -> None:
        free.wait(60)

    worker = Worker("deaf", target)
    worker.start()
    assert not worker.stop(0)
    free.set()
    assert worker.stop(5)


def test_a_worker_that_stops_itself_does_not_wait_for_itself() -> None:
    answers: queue.Queue[bool] = queue.Queue()
    workers: list[Worker] = []

    def target(token: StopToken) -> None:
        answers.put(workers[0].stop(60))
        answers.put(token.stopped())

    workers.append(Worker("lonely", target))
    workers[0].start()
    assert [answers.get(timeout=5), answers.get(timeout=5)] == [False, True]


def test_a_death_is_logged_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    deaths: queue.Queue[BaseException] = queue.Queue()
    error = ValueError("injected")

    def target(_: StopToken) -> None:
        raise error

    worker = Worker("mortal", target, deaths.put)
    with caplog.at_level(logging.ERROR):
        worker.start()
        assert deaths.get(timeout=5) is error
        assert worker.stop(5)
    assert "the worker mortal died" in caplog.text


def test_a_death_without_anybody_to_report_to_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def target(_: StopToken) -> None:
        raise SystemExit(3)

    worker = Worker("alone", target)
    worker.start()
    assert worker.stop(5)
    assert "the worker alone died" in caplog.text


def test_a_supervised_worker_is_restarted_after_each_death_and_counts_it() -> None:
    deaths: queue.Queue[BaseException] = queue.Queue()
    starts: queue.Queue[int] = queue.Queue()

    def target(token: StopToken) -> None:
        starts.put(1)
        if starts.qsize() < 4:
            raise RuntimeError("injected")
        starts.put(2)
        token.wait(60)

    worker = SupervisedWorker("phoenix", target, deaths.put, AT_ONCE)
    worker.start()
    for _ in range(3):
        deaths.get(timeout=5)
    while starts.get(timeout=5) != 2:
        pass
    assert worker.restarts == 3
    assert worker.stop(5)


def test_a_report_that_fails_does_not_keep_a_worker_from_its_restart(caplog: pytest.LogCaptureFixture) -> None:
    again = threading.Event()
    lives = iter((True, False))

    def target(token: StopToken) -> None:
        if next(lives):
            raise RuntimeError("injected")
        again.set()
        token.wait(60)

    def broken(_: BaseException) -> None:
        raise RuntimeError("the reporter is broken too")

    worker = SupervisedWorker("stubborn", target, broken, AT_ONCE)
    worker.start()
    assert again.wait(5)
    assert worker.stop(5)
    assert "could not be reported" in caplog.text


def test_a_supervised_worker_that_returns_has_done_its_work() -> None:
    worker = SupervisedWorker("done", lambda _: None, backoff=AT_ONCE)
    worker.start()
    worker._thread.join(5)
    assert not worker.alive
    assert worker.restarts == 0


def test_stopping_does_not_wait_for_the_delay_of_a_restart() -> None:
    died = threading.Event()

    def target(_: StopToken) -> None:
        raise RuntimeError("injected")

    worker = SupervisedWorker("patient", target, lambda _: died.set(), Backoff(first=3600.0, cap=3600.0))
    worker.start()
    assert died.wait(5)
    assert worker.stop(5)
    assert worker.restarts == 0


def test_delays_begin_anew_after_a_run_that_lasted() -> None:
    clock = ManualClock()
    attempts: queue.Queue[float] = queue.Queue()
    runs = iter((0.0, 0.0, 31.0, 0.0))

    class Recorded(Backoff):
        def delay(self, attempt: int, chance: float) -> float:
            assert chance == 0.25
            attempts.put(attempt)
            return 0.0

    def target(token: StopToken) -> None:
        lasted = next(runs, None)
        if lasted is None:
            token.wait(60)
            return
        clock.advance(lasted)
        raise RuntimeError("injected")

    worker = SupervisedWorker("steady", target, None, Recorded(cap=30.0), clock, lambda: 0.25)
    worker.start()
    assert [attempts.get(timeout=5) for _ in range(4)] == [0, 1, 0, 1]
    assert worker.stop(5)


def test_all_workers_can_be_told_before_any_is_waited_for() -> None:
    workers = [Worker(f"one of {n}", until_told) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.signal_stop()
    assert all(worker.stop(5) for worker in workers)
