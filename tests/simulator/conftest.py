from collections.abc import Iterator

import pytest

from gateway.runtime.clock import SystemClock
from simulator.facility import shipped_facility
from simulator.services import Services
from tests.support.leaks import check_leaks


@pytest.fixture
def services(tmp_path) -> Iterator[Services]:
    """The simulated services on free ports; afterwards no thread and no descriptor is left."""
    with check_leaks():
        facility = shipped_facility()
        facility.synthetic(2000, rate_hz=10)
        running = Services(facility, SystemClock(), {"dpm_http": 0, "control": 0}, sent_log=tmp_path / "sent.csv")
        running.start()
        yield running
        assert running.stop()
