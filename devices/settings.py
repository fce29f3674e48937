"""SettingsWorkers: a few workers per route that carry settings to the backend, and confirm them."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from devices.block_edits import BlockEdits, is_block_edit
from devices.confirm import EFFECTS, has_effect, near, verdict
from devices.device import Device
from devices.moves import Moves
from devices.queues import PendingSetting, PullQueue, WriteOutcome
from gateway.core.blocks import BasicStatus
from gateway.core.drf import DataRequest, Property
from gateway.core.drf_events import IMMEDIATE
from gateway.core.errors import Closed
from gateway.core.ports import Backend, Clock
from gateway.core.status import RETRY, Status
from gateway.core.values import Outcome, Reading, Setting, SettingResult, Value
from gateway.core.write_state import WriteEvent, WriteState, after
from gateway.plan.model import Confirm, DevicePlan
from gateway.runtime.backoff import Backoff
from gateway.runtime.worker import StopToken, SupervisedWorker

Look: TypeAlias = tuple[DataRequest, Callable[[Value | None], bool]]  # what to read, and whether it is there
Fetch: TypeAlias = Callable[[int, float], object]  # reads a row anew, within so many seconds
LIMITS = ("MIN", "MAX", "NOM", "TOL")  # of an analog alarm block, in units of the reading
LEASE_OVER = WriteOutcome(
    WriteState.DENIED, RETRY, "the lease ended while the setting waited; it was not sent", layer="lease"
)
_log = logging.getLogger("acgate.put")
_PATIENCE = 1.0  # s between two looks at the token when nothing is wished for


class SettingsWorkers:
    """Takes settings from the pull queue; each is sent at most once and answered exactly once.

    A device is in the hands of one worker at a time, confirmation included, so that settings of one device
    keep their order and a slow device holds up only itself, while there are no more slow ones than workers.
    """

    def __init__(
        self,
        backend: Backend,
        queue: PullQueue,
        devices: Mapping[str, Device],
        clock: Clock,
        count: int = 4,
        backoff: Backoff | None = None,
        fetch: Fetch = lambda _, __: None,
        moves: Moves | None = None,
    ) -> None:
        self._backend = backend
        self._blocks = BlockEdits(backend, clock)
        self._fetch = fetch  # so that an alarm block that was set is shown now, and not only at its next event
        self._queue = queue
        self._devices = devices
        self._clock = clock
        self._moves = Moves((), (), clock) if moves is None else moves
        self._workers = [
            SupervisedWorker(f"settings {backend.name} {n}", self._work, None, backoff, clock) for n in range(count)
        ]

    @property
    def restarts(self) -> int:
        """How often a worker died and began anew."""
        return sum(worker.restarts for worker in self._workers)

    def start(self) -> None:
        """Start the workers."""
        for worker in self._workers:
            worker.start()

    def stop(self, timeout: float) -> bool:
        """Close the queue, answer each waiter, and end the workers; False when one still runs after `timeout` seconds.

        What such a worker has in hand is answered as unknown.
        """
        for worker in self._workers:
            worker.signal_stop()
        self._queue.close()
        deadline = self._clock.monotonic() + timeout
        ended = [worker.stop(max(0.0, deadline - self._clock.monotonic())) for worker in self._workers]
        for pending in self._queue.in_work():
            pending.answer(_unknown("the gateway ended before the backend answered"))
        return all(ended)

    def _work(self, token: StopToken) -> None:
        while not token.stopped():
            try:
                pending = self._queue.get(_PATIENCE)
            except Closed:
                return
            if pending is None:
                continue
            try:
                if pending.begin():
                    if (left := pending.left()) > 0:
                        self._carry(pending, left, token)
                    else:
                        self._finish(pending, LEASE_OVER)
            except BaseException as death:
                outcome = _unknown(f"the settings worker failed ({type(death).__name__})")
                self._finish(pending, replace(outcome, worker_died=True))
                raise
            finally:
                self._queue.done(pending.device)

    def _carry(self, pending: PendingSetting, left: float, token: StopToken) -> None:
        device = self._devices[pending.device]
        if device.write_record.state is not WriteState.PENDING:  # an earlier setting of the device has ended since
            device.queued(pending.who)
        timeout, began = min(device.plan.write_timeout, left), self._clock.monotonic()
        _log.debug("put %s: %s is sent to %s", pending.id, pending.setting.request, self._backend.name)
        if is_block_edit(pending.setting.request):
            result = self._blocks.write(pending.setting, timeout)
        else:
            self._moves.begin(device, pending.setting)
            refused = False
            try:
                result = self._backend.write([pending.setting], timeout)[0]
                refused = result.outcome is Outcome.REFUSED
            finally:
                self._moves.end(device, refused)
        text = _text(result)
        outcome = WriteOutcome(after(WriteState.PENDING, _event(result)), result.status, text)
        took = self._clock.monotonic() - began
        _log.debug("put %s: %s after %.3f s, %s", pending.id, result.outcome.name, took, text or result.status)
        if not outcome.failed:
            outcome = self._accepted(device, pending, outcome, timeout, token)
            took = self._clock.monotonic() - began
        self._finish(pending, outcome, took)

    def _accepted(
        self, device: Device, pending: PendingSetting, outcome: WriteOutcome, timeout: float, token: StopToken
    ) -> WriteOutcome:
        """What becomes of a setting that the backend has accepted: seen in its readback, where that is wished for."""
        setting, confirm = pending.setting, device.plan.confirm
        if setting.request.property is Property.SETTING:
            device.accepted(setting.value)
        if confirm is not None and (look := _look(setting, device.plan)) is not None:
            device.show(outcome.state, outcome.message, pending.who)
            outcome = self._confirmed(look, confirm, outcome, token)
            seen = (outcome.attempts, outcome.readback)
            _log.debug("put %s: %s by %d readbacks, the last is %s", pending.id, outcome.state.name, *seen)
        for row in device.plan.block_rows(setting.request.property):
            self._fetch(row, timeout)
        return outcome

    def _confirmed(self, look: Look, confirm: Confirm, accepted: WriteOutcome, token: StopToken) -> WriteOutcome:
        """Read back until what was wished for is seen or the time is over."""
        request, is_there = look
        began = self._clock.monotonic()
        readback: float | None = None
        token.wait(confirm.delay)
        attempt = 0
        while True:
            attempt += 1
            left = confirm.timeout - (self._clock.monotonic() - began)
            reading = self._backend.read([request], max(left, confirm.interval))[0]
            if isinstance(reading.value, float):
                readback = reading.value
            event = verdict(is_there(reading.value), self._clock.monotonic() - began, confirm.timeout)
            if event is None and (attempt == confirm.attempts or token.wait(confirm.interval)):
                event = WriteEvent.READBACK_FAR  # it was asked often enough, or the gateway ends
            if event is not None:
                break
        text = accepted.message
        if event is WriteEvent.READBACK_FAR:
            seen = f"the last readback was {readback:g}" if readback is not None else _seen(reading)
            ended = attempt == confirm.attempts
            limit = f"by {attempt} readback{'s' if attempt > 1 else ''}" if ended else f"within {confirm.timeout:g} s"
            text = f"accepted, but not confirmed {limit}; {seen}"
        return WriteOutcome(after(accepted.state, event), accepted.status, text, readback, attempts=attempt)

    def _finish(self, pending: PendingSetting, outcome: WriteOutcome, latency: float | None = None) -> None:
        """Show and answer it; `latency` is in s from its sending to now, None where nothing was sent."""
        if pending.answered:  # it took longer than `stop` was ready to wait
            return
        try:
            if (device := self._devices.get(pending.device)) is not None:
                seen = outcome.attempts, outcome.readback
                text = "; ".join(part for part in (outcome.message, pending.note) if part)
                device.show(outcome.state, text, pending.who, latency, *seen)
        finally:  # whatever becomes of the display, the client gets its answer
            pending.answer(outcome)


def _look(setting: Setting, device: DevicePlan) -> Look | None:
    """Where to look for the effect of a setting, and how to know it; None where nothing shows it."""
    request = setting.request
    if is_block_edit(request):
        if request.field in ("RAW", "ALARM_FTD"):  # which holds counts that move, or is read from the database
            return None
        assert device.confirm is not None, "only what is to be confirmed is looked at"
        near_by = device.confirm.tolerance if request.field in LIMITS and request.property is Property.ANALOG else 0.0
        return request.with_event(IMMEDIATE), lambda value: near(setting.value, value, near_by)
    if request.property is Property.SETTING:
        assert device.confirm is not None, "only what is to be confirmed is looked at"
        tolerance, relative = device.confirm.tolerance, device.confirm.relative
        shown = request if device.confirm.by == "setting" else replace(request, property=Property.READING)
        return shown.with_event(IMMEDIATE), lambda value: near(setting.value, value, tolerance, relative)
    if request.property is not Property.CONTROL or not device.info.status:
        return None
    command = next((one.name for one in device.info.commands if setting.value in (one.name, one.code)), "")
    if command not in EFFECTS:
        return None
    return DataRequest.parse(f"{request.device}.STATUS@I"), lambda value: has_effect(command, value)


def _seen(reading: Reading) -> str:
    """What the last look showed, where it was no number."""
    if isinstance(reading.value, BasicStatus):
        states = (f"{name} {'yes' if state else 'no'}" for name, state in reading.value.attributes().items())
        return f"the last status was {', '.join(states)}"
    return f"readback: {reading.status}"


def _event(result: SettingResult) -> WriteEvent:
    """What the answer means; a lack of privilege is policy when the service says so, not when no ticket was had."""
    if result.outcome is Outcome.ACCEPTED:
        return WriteEvent.BACKEND_ACCEPTED
    denied = result.outcome is Outcome.REFUSED and result.sent and result.status.category == "priv"
    return WriteEvent.BACKEND_DENIED if denied else WriteEvent.BACKEND_FAILED


def _text(result: SettingResult) -> str:
    """What people read: nothing where all is well."""
    if result.outcome is Outcome.ACCEPTED and result.status.good:
        return result.message
    text = f"{result.status}: {result.message}" if result.message else str(result.status)
    return f"{text}; outcome unknown" if result.outcome is Outcome.UNKNOWN else text


def _unknown(reason: str) -> WriteOutcome:
    """A failure of ours: nobody can say whether the setting took effect."""
    status: Status = RETRY
    return WriteOutcome(WriteState.FAILED, status, f"{status}: {reason}; outcome unknown")
