"""The gateway behind a source of batches in its own process: what a reading costs from the subscription on.

`python -m gateway.app.bench.batch_gateway CONFIG HERTZ READY`. The simulator's periods end at 10 ms, and decoding is a
part of its own; so the rates at which a C IOC is measured are offered here, by a thread that makes nothing but batches.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from gateway.app.bench.ours import WAVE_ELEMENTS, WAVE_NAME
from gateway.app.commands.run import serve_until
from gateway.app.compose import Ready
from gateway.app.config_file import read_config
from gateway.app.ending import StopSignal
from gateway.app.opening import gateway_of
from gateway.app.ready_file import write_ready
from gateway.backends.subscription import BoundedSubscription
from gateway.core.batch import Slots, batch_of, one_stamp, scalar_batch
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.drf import DataRequest, Property
from gateway.core.ports import ANYTHING, Capabilities, Clock, Health, LinkState
from gateway.core.remembered import constant
from gateway.core.status import NOPROP, OK
from gateway.core.values import Outcome, Reading, Setting, SettingResult
from gateway.runtime.clock import SystemClock
from gateway.runtime.worker import StopToken, Worker

_BOUND = 1_000_000


class BatchSource:
    """The port Backend: every watched request is answered `hertz` times a second, all in one batch.

    The value counts the rounds, and the stamp is the time at which the round was due.
    """

    name = "dpm"
    capabilities = Capabilities(read=False, write=False, watch=True)

    def __init__(self, hertz: float, clock: Clock) -> None:
        self._period, self._clock = 1.0 / hertz, clock
        self._streams: list[BoundedSubscription] = []
        self._workers: list[Worker] = []

    def watch(self, requests: Sequence[DataRequest]) -> BoundedSubscription:
        """See the port."""
        stream = BoundedSubscription(_BOUND, direct=True)
        slots = constant(np.arange(len(requests), dtype=np.int32))
        waves = [one for one in requests if one.range is not None]
        bring = partial(self._bring_waves, stream, waves) if waves else partial(self._bring, stream, slots)
        worker = Worker("batches", bring)
        self._streams.append(stream)
        self._workers.append(worker)
        worker.start()
        return stream

    def _bring(self, stream: BoundedSubscription, slots: Slots, token: StopToken) -> None:
        rounds, due = 0, self._clock.monotonic()
        while not token.wait(max(0.0, due - self._clock.monotonic())):
            rounds += 1
            due += self._period
            stamps = one_stamp(self._clock.now_ns(), len(slots))
            stream.put(scalar_batch(slots, stamps, np.full(len(slots), float(rounds))))

    def _bring_waves(self, stream: BoundedSubscription, requests: Sequence[DataRequest], token: StopToken) -> None:
        rounds, due = 0, self._clock.monotonic()
        while not token.wait(max(0.0, due - self._clock.monotonic())):
            rounds += 1
            due = max(due + self._period, self._clock.monotonic() - self._period)  # rounds that are late are left out
            wave, now_ns = np.full(WAVE_ELEMENTS, float(rounds)), self._clock.now_ns()
            stream.put(batch_of([(slot, Reading(one, wave, now_ns, OK)) for slot, one in enumerate(requests)]))

    def read(self, requests: Sequence[DataRequest], timeout: float) -> list[Reading]:  # noqa: ARG002
        """See the port: nothing can be read."""
        return [Reading(one, None, 0, NOPROP) for one in requests]

    def write(self, settings: Sequence[Setting], timeout: float) -> list[SettingResult]:  # noqa: ARG002
        """See the port: nothing can be set."""
        return [SettingResult(one, NOPROP, Outcome.REFUSED) for one in settings]

    def describe(
        self,
        devices: Sequence[str],
        timeout: float,  # noqa: ARG002
        only: Mapping[str, frozenset[Property]] = ANYTHING,  # noqa: ARG002
    ) -> dict[str, DeviceInfo]:
        """See the port DeviceInfoSource: all are plain numbers, or waveforms by their names."""
        found = {}
        for device in devices:
            length = WAVE_ELEMENTS if device.startswith(WAVE_NAME.partition("{")[0]) else 1
            found[device] = DeviceInfo(device, reading=PropertyInfo(length, units="cnt"))
        return found

    def health(self) -> Health:
        """See the port."""
        return Health(LinkState.UP, 0, len(self._streams), 0)

    def close(self) -> None:
        """End the stream."""
        for worker in self._workers:
            worker.stop(1.0)
        for stream in self._streams:
            stream.close()


def main(config_file: str, hertz: float, ready_file: str) -> None:
    """Serve until a signal."""
    clock = SystemClock()
    source = BatchSource(hertz, clock)

    def ready(what: Ready) -> None:
        write_ready(ready_file, ca_port=what.ca_port, pvs=what.pvs)

    with StopSignal() as stop:
        gateway = gateway_of(read_config(config_file), clock, os.environ, stop, {source.name: source})
        asyncio.run(serve_until(stop, gateway, ready))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
