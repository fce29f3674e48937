import socket

import pytest

from gateway.core.errors import BadInput
from gateway.runtime.clock import SystemClock
from simulator.facility import shipped_facility
from simulator.services import Services
from tests.simulator.dpm_client import DpmClient
from tests.support.leaks import check_leaks


def test_the_addresses_are_those_of_a_ready_file(services):
    host, port = services.addresses["dpm_http"].split(":")
    assert (host, int(port)) == services.dpm.address
    assert services.addresses["control"].startswith("http://127.0.0.1:")


def test_starting_and_stopping_leaves_nothing_behind_even_under_clients():
    with check_leaks():
        for _ in range(5):
            running = Services(shipped_facility(), SystemClock(), {"dpm_http": 0})
            running.start()
            with DpmClient(running.dpm.address) as one:
                one.start("Z:ACLTST@p,20", "G:AMANDA@e,0F")
                assert running.stop()
                assert one.closed_within(2)
            assert running.stop()


def test_the_same_port_can_be_had_again_at_once():
    with check_leaks():
        running = Services(shipped_facility(), SystemClock(), {"dpm_http": 0})
        running.start()
        port = running.dpm.address[1]
        with DpmClient(running.dpm.address) as one:
            running.stop()
            again = Services(shipped_facility(), SystemClock(), {"dpm_http": port})
            again.start()
            with DpmClient(again.dpm.address) as other:
                assert 10.0 == other.answer("Z:ACLTST@I").data
            assert again.stop()
            assert one.closed_within(2)


def test_what_was_opened_before_a_failure_is_closed_again(tmp_path):
    with check_leaks(), socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match="simulated DPM cannot listen"):
            Services(shipped_facility(), SystemClock(), {"dpm_http": port}).start()
        with pytest.raises(BadInput, match="control port cannot listen"):
            Services(shipped_facility(), SystemClock(), {"dpm_http": 0, "control": port}).start()
        with pytest.raises(BadInput, match="sent log"):
            Services(shipped_facility(), SystemClock(), {"dpm_http": 0}, sent_log=tmp_path / "no" / "log").start()


def test_services_that_never_started_have_no_addresses():
    running = Services(shipped_facility(), SystemClock(), {"dpm_http": 0})
    assert {} == running.addresses
    assert running.stop()
