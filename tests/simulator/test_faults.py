"""Commanded faults, as a client sees them."""

import json
import time
import urllib.error
import urllib.request

import pytest

from gateway.core.errors import BadInput
from gateway.wire import dpm
from simulator.faults import Fault, Faults
from tests.simulator.dpm_client import DpmClient, setting


def test_a_service_has_one_fault_at_a_time():
    faults = Faults("dpm_http")
    assert Fault.NONE is faults.of("dpm_http") is faults.of("unknown")
    faults.command("dpm_http", "silent")
    assert {"dpm_http": "silent"} == faults.state()


@pytest.mark.parametrize(("service", "fault", "reason"), [("dpm", "none", "'dpm'"), ("dpm_http", "odd", "'odd'")])
def test_what_is_not_known_is_refused(service, fault, reason):
    with pytest.raises(BadInput, match=reason):
        Faults("dpm_http").command(service, fault)


def command(services, **wish: str) -> dict:
    url = services.addresses["control"] + "/faults"
    with urllib.request.urlopen(
        urllib.request.Request(url, json.dumps(wish).encode(), method="POST"), timeout=5
    ) as answer:
        state = json.load(answer)
    if "service" in wish:
        deadline = time.monotonic() + 5
        while services.dpm.fault.value != wish["fault"] and time.monotonic() < deadline:
            time.sleep(0.005)
    return state


def streaming(services) -> DpmClient:
    one = DpmClient(services.dpm.address, timeout=1.0)
    one.start("Z:ACLTST@p,50")
    one.until(dpm.ScalarReply)
    return one


def test_refuse_refuses_new_connections_and_lets_old_ones_be(services):
    with streaming(services) as one:
        command(services, service="dpm_http", fault="refuse")
        with pytest.raises(ConnectionRefusedError):
            DpmClient(services.dpm.address)
        one.until(dpm.ScalarReply)
        command(services, service="dpm_http", fault="none")
        with DpmClient(services.dpm.address) as other:
            assert 10.0 == other.answer("Z:ACLTST@I").data


def test_reset_resets_old_and_new_connections(services):
    with streaming(services) as one:
        command(services, service="dpm_http", fault="reset")
        assert one.closed_within(2)
        with pytest.raises(ConnectionError):
            DpmClient(services.dpm.address)
    command(services, service="dpm_http", fault="none")
    streaming(services).socket.close()


def test_a_silent_service_stays_connected_and_still_carries_out_settings(services):
    with streaming(services) as one:
        command(services, service="dpm_http", fault="silent")
        one.send(dpm.AddToList(0, 9, "Z:ACLTST.SETTING@N"), setting(0, 9, 33.0))
        assert not one.closed_within(0.5)
        assert [33.0] == [item.value.tolist()[0] for item in services.facility.settings()]
        count = len(one.replies)
        assert not one.closed_within(0.3)
        assert count == len(one.replies)
        with pytest.raises(TimeoutError):
            DpmClient(services.dpm.address, timeout=0.5)
        command(services, service="dpm_http", fault="none")
        one.socket.settimeout(2)
        one.until(dpm.ScalarReply)


def test_a_hanging_service_goes_on_where_it_stopped(services):
    with streaming(services) as one:
        command(services, service="dpm_http", fault="hang")
        one.send(dpm.AddToList(0, 9, "Z:ACLTS1.INDEX@I"), dpm.StartList(0))
        assert not one.closed_within(0.5)
        command(services, service="dpm_http", fault="none")
        one.socket.settimeout(2)
        assert 140014 == one.until(dpm.ScalarReply, 9).data


def test_heartbeats_can_be_left_out(services):
    command(services, service="dpm_http", fault="no_heartbeat")
    with DpmClient(services.dpm.address) as one:
        assert not one.closed_within(2.5)
        assert 1 == len(one.replies)


def test_garbage_cannot_be_understood(services):
    with streaming(services) as one:
        command(services, service="dpm_http", fault="garbage")
        with pytest.raises(Exception, match="no SDD message"):
            one.closed_within(2)


def test_a_single_device_can_answer_with_a_status(services):
    state = command(services, device="Z:ACLTST", fault="wrong_status", status="17 -17")
    assert {"Z:ACLTST": "17 -17"} == state["devices"]
    with DpmClient(services.dpm.address) as one:
        assert 17 - 17 * 256 == one.answer("Z:ACLTST@I").status
        assert 17 - 17 * 256 == one.set("Z:ACLTST.SETTING@N", 1.0)
        assert 1.0 == one.answer("Z:ACLTS1@I").data
        command(services, device="Z:ACLTST", fault="none")
        assert 10.0 == one.answer("Z:ACLTST@I").data


def test_the_state_can_be_asked_for(services):
    with urllib.request.urlopen(services.addresses["control"] + "/state", timeout=5) as answer:
        assert {"services": {"dpm_http": "none"}, "devices": {}} == json.load(answer)


@pytest.mark.parametrize(
    ("path", "body", "code", "reason"),
    [
        ("/faults", b"no json", 400, "no JSON"),
        ("/faults", b"[]", 400, "object of texts"),
        ("/faults", b'{"fault": 3}', 400, "object of texts"),
        ("/faults", b'{"service": "dpm_http"}', 400, "the keys are"),
        ("/faults", b'{"service": "dpm_http", "fault": "odd"}', 400, "none of"),
        ("/faults", b'{"device": "Z:NOTFND", "fault": "wrong_status"}', 400, "no device"),
        ("/faults", b'{"device": "Z:ACLTST", "fault": "silent"}', 400, "wrong_status"),
        ("/faults", b'{"device": "Z:ACLTST", "fault": "wrong_status", "status": "odd"}', 400, "no ACNET status"),
        ("/faults", b" " * 70000, 413, "too long"),
        ("/odd", b"{}", 404, "GET /state"),
        ("/odd", None, 404, "GET /state"),
    ],
)
def test_a_bad_command_is_explained(services, path, body, code, reason):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(services.addresses["control"] + path, body, timeout=5)
    with caught.value as answer:
        assert code == answer.code
        assert reason in json.load(answer)["error"]


def test_a_hanging_service_takes_only_so_much_of_a_client(services):
    with streaming(services) as one:
        command(services, service="dpm_http", fault="hang")
        with pytest.raises(OSError, match=r"reset|pipe|closed"):
            one.socket.sendall(b"x" * (64 << 20))
