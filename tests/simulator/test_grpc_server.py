"""The simulated DAQ service, as a client over gRPC sees it."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from gateway.core.errors import BadInput
from gateway.core.status import BAD_EVENT, BAD_REQUEST, NOPROP, OK, PRIV, SCALEFAIL, SUPERSEDED, UTIME
from gateway.runtime.clock import SystemClock
from gateway.wire import daq
from simulator.daq_manners import Manners
from simulator.facility import load_facility, shipped_facility
from simulator.faults import Faults
from simulator.grpc_server import NAME, GrpcServer
from simulator.services import Services
from simulator.tokens import TokenCheck
from tests.simulator.daq_client import DaqClient, failure, one
from tests.simulator.test_tokens import NOW, SECRET, token
from tests.support import grpc_engine
from tests.support.leaks import check_leaks

grpc_engine.begin()


@pytest.fixture
def served() -> Iterator[tuple[Services, DaqClient]]:
    """A server and a client; afterwards no thread and no descriptor is left."""
    with check_leaks():
        facility = shipped_facility()
        services = Services(facility, SystemClock(), {"dpm_grpc": 0})
        services.start()
        with DaqClient(services.servers["dpm_grpc"].address) as client:
            yield services, client
        assert services.stop()


@pytest.fixture
def client(served: tuple[Services, DaqClient]) -> DaqClient:
    return served[1]


def test_a_list_of_one_shots_is_answered_and_closed(client: DaqClient) -> None:
    before = time.time_ns()
    came = client.read("M:OUTTMP@I", "Z:ACLTST@I", "Z:ACLTST.NONSENSE")
    assert sorted(came.index.tolist()) == [0, 1]
    assert all(before <= stamp <= time.time_ns() for stamp in came.stamp_ns.tolist())
    ((_, index, sample),) = came.others
    assert (index, sample.status) == (2, BAD_REQUEST)
    assert client.read().others == ()


def test_a_stream_goes_on_until_the_client_cancels(client: DaqClient) -> None:
    with client.stream("M:OUTTMP@p,50", "Z:ACLTST@I") as call:
        came = [one(call) for _ in range(12)]
    assert [reply.index.tolist() for reply in came].count([1]) == 1
    stamps = [int(reply.stamp_ns[0]) for reply in came if reply.index[0] == 0]
    assert set(np.diff(stamps).tolist()) == {50_000_000}


def test_what_is_set_is_read(client: DaqClient) -> None:
    assert client.set(("Z:ACLTST.SETTING@N", 12.5), ("G:MODE.SETTING", "Studies"), ("Z:ACLTST.CONTROL@N", "OFF")) == (
        [OK, OK, OK]
    )
    assert client.read("Z_ACLTST@I").value.tolist() == [12.5]
    assert client.read("Z|ACLTST.ON@I").value.tolist() == [0.0]


def test_each_setting_has_its_own_status_in_its_place(client: DaqClient) -> None:
    statuses = client.set(
        ("Z:REFUSE.SETTING@N", 2.0), ("#ROLE:testing", 1.0), ("Z:NOTFND.SETTING@N", 1.0), ("Z:ACLTST.SETTING@N", 1.0),
        ("Z:ACLTST.SETTING@N", 2.0), ("Z:ACLTST.SETTING@x", 1.0), ("Z:ACLTST.", 1.0),
    )  # fmt: skip
    assert statuses == [SCALEFAIL, NOPROP, SUPERSEDED, OK, BAD_EVENT, BAD_REQUEST]
    # a setting without a value, and one with a value that nothing can be set to
    assert client.raw_set(bytes.fromhex("0a030a0158" + "0a070a015812023200")) == daq.encode_set_reply([BAD_REQUEST] * 2)


def test_a_silent_front_end_is_answered_for_after_five_seconds(client: DaqClient) -> None:
    begin = time.monotonic()
    assert client.set(("Z:SILENT.SETTING@N", 1.0)) == [UTIME]
    assert 4.5 <= time.monotonic() - begin < 7.0


def test_what_is_no_message_fails_its_call_alone(client: DaqClient) -> None:
    read = client.channel.unary_stream(daq.READ)
    assert failure(read(b"\x0a\x7fM", timeout=5.0)) is grpc.StatusCode.INTERNAL
    with pytest.raises(grpc.RpcError, match=r"bytes are no services\.daq\.SettingList"):
        client.raw_set(b"\x0a\x7fM")
    assert failure(client.channel.unary_stream("/dpm.DPM/StartAcquisition")(b"", timeout=5.0)) is (
        grpc.StatusCode.UNIMPLEMENTED
    )
    assert len(client.read("M:OUTTMP@I").index) == 1


def test_an_array_larger_than_four_mebibytes_arrives() -> None:
    device = "name: 'B:LARGE', index: 1, description: d, units: V, length: 600000, model: {kind: constant, value: 3}"
    text = f"devices:\n  - {{{device}}}\n"
    with check_leaks():
        server = GrpcServer(load_facility(text), SystemClock(), 0)
        server.start()
        with DaqClient(server.address) as client:
            ((_, _, sample),) = client.read("B:LARGE[]@I", timeout=20.0).others
        assert isinstance(sample.value, np.ndarray)
        assert sample.value.tolist() == [3.0] * 600_000
        assert server.stop()


@pytest.mark.parametrize(
    ("made", "status", "code"),
    [
        (None, PRIV, grpc.StatusCode.UNAUTHENTICATED),
        (token(exp=NOW - 1), PRIV, grpc.StatusCode.UNAUTHENTICATED),
        (token(secret=bytes(64)), PRIV, grpc.StatusCode.UNAUTHENTICATED),
        (token(realm_access={"roles": ["user"]}), PRIV, grpc.StatusCode.PERMISSION_DENIED),
        (token(), OK, None),
    ],
    ids=["missing", "expired", "wrong signature", "wrong role", "right role"],
)
def test_settings_need_a_token_and_readings_none(made: str | None, status: object, code: object) -> None:
    check = TokenCheck(SECRET, lambda: NOW)
    with check_leaks():
        for manners in (Manners(), Manners(codes=True)):
            facility = shipped_facility()
            server = GrpcServer(facility, SystemClock(), 0, check=check, manners=manners)
            server.start()
            with DaqClient(server.address, made) as client:
                assert client.read("Z_ACLTST@I").value.tolist() == [10.0]
                if manners.codes and code is not None:
                    with pytest.raises(grpc.RpcError) as refused:
                        client.set(("Z:ACLTST.SETTING@N", 1.0))
                    assert refused.value.code() is code
                else:
                    assert client.set(("Z:ACLTST.SETTING@N", 1.0)) == [status]
                assert client.read("Z_ACLTST@I").value.tolist() == [1.0 if status == OK else 10.0]
                assert len(facility.settings()) == (status == OK)
            assert server.stop()


def test_a_taken_port_is_named() -> None:
    with check_leaks():
        first = GrpcServer(shipped_facility(), SystemClock(), 0)
        first.start()
        with pytest.raises(BadInput, match=r"DPM over gRPC cannot listen on 127.0.0.1:\d+ \(Address already in use\)"):
            GrpcServer(shipped_facility(), SystemClock(), first.address[1]).start()
        assert first.stop()
        assert first.stop()


def test_the_secret_of_the_services_is_read_when_they_start(tmp_path: Path) -> None:
    with check_leaks(), pytest.raises(BadInput, match="cannot be read"):
        Services(shipped_facility(), SystemClock(), {"dpm_grpc": 0}, jwt_secret=tmp_path / "absent").start()


def test_a_missing_extra_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "simulator.grpc_server")
    monkeypatch.setitem(sys.modules, "grpc", None)
    with check_leaks(), pytest.raises(BadInput, match=r"needs grpc; pip install 'acgate\[grpc\]'"):
        Services(shipped_facility(), SystemClock(), {"dpm_grpc": 0}).start()


def test_what_is_sent_is_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "sent.csv"
    with check_leaks():
        services = Services(shipped_facility(), SystemClock(), {"dpm_grpc": 0}, sent_log=log)
        services.start()
        with DaqClient(services.servers["dpm_grpc"].address) as client:
            came = client.read("Z_ACLTST@I")
        assert services.stop()
    assert f"{came.stamp_ns[0] // 1_000_000},Z:ACLTST,SETTING,10.0" in log.read_text("utf-8").splitlines()


class Stage:
    """A server whose link can be made to fail."""

    def __init__(self) -> None:
        self.faults = Faults(NAME)
        self.server = GrpcServer(shipped_facility(), SystemClock(), 0, faults=self.faults)
        self.server.start()

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        assert self.server.stop()

    def command(self, fault: str) -> None:
        self.faults.command(NAME, fault)
        time.sleep(0.15)  # three times what the relay takes to see it


@pytest.fixture
def stage() -> Iterator[Stage]:
    with check_leaks(), Stage() as made:
        yield made


def test_refuse_refuses_new_connections_and_lets_old_ones_be(stage: Stage) -> None:
    with DaqClient(stage.server.address) as old, DaqClient(stage.server.address) as new:
        with old.stream("M:OUTTMP@p,50") as call:
            one(call)
            stage.command("refuse")
            assert failure(new.call("M:OUTTMP@I")) is grpc.StatusCode.UNAVAILABLE
            one(call)
        stage.command("none")
    with DaqClient(stage.server.address) as later:
        assert len(later.read("M:OUTTMP@I").index) == 1


@pytest.mark.parametrize(
    ("fault", "code"), [("reset", grpc.StatusCode.UNAVAILABLE), ("garbage", grpc.StatusCode.UNKNOWN)]
)
def test_a_broken_link_ends_its_calls(stage: Stage, fault: str, code: grpc.StatusCode) -> None:
    with DaqClient(stage.server.address) as client, client.stream("M:OUTTMP@p,50") as call:
        one(call)
        stage.command(fault)
        assert failure(call) is code
    stage.command("none")
    with DaqClient(stage.server.address) as later:
        assert len(later.read("M:OUTTMP@I").index) == 1


@pytest.mark.parametrize(("fault", "carried_out"), [("hang", False), ("silent", True)])
def test_a_held_link_is_late_and_loses_nothing(stage: Stage, fault: str, carried_out: bool) -> None:
    def held() -> float:
        with DaqClient(stage.server.address) as other:
            return float(other.read("Z_ACLTST@I").value[0])

    with DaqClient(stage.server.address) as client, client.stream("M:OUTTMP@p,50") as call:
        stamps = [int(one(call).stamp_ns[0])]
        stage.command(fault)
        with pytest.raises(grpc.RpcError) as late:
            client.set(("Z:ACLTST.SETTING@N", 3.0), timeout=0.5)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert [one.value for one in settings_of(stage.server)] == [3.0] * carried_out
        stage.command("none")
        stamps += [int(one(call).stamp_ns[0]) for _ in range(20)]
        assert set(np.diff(stamps).tolist()) == {50_000_000}
        assert held() == (3.0 if carried_out else 10.0)


def settings_of(server: GrpcServer) -> list:
    settings: Callable[[], list] = server._facility.settings
    return settings()


def test_a_reader_that_does_not_read_costs_the_others_nothing(stage: Stage) -> None:
    with (
        DaqClient(stage.server.address) as stuck,
        DaqClient(stage.server.address) as other,
        stuck.stream("I:FASTBM[]@p,20"),  # nobody takes it
    ):
        time.sleep(1.0)
        begin = time.monotonic()
        assert len(other.read("M:OUTTMP@I").index) == 1
        assert time.monotonic() - begin < 1.0


def test_it_ends_under_clients_within_two_seconds() -> None:
    with check_leaks():
        stage = Stage()
        with DaqClient(stage.server.address) as client, client.stream("M:OUTTMP@p,50", "B:IRMS06[]@e,1d") as call:
            one(call)
            begin = time.monotonic()
            assert stage.server.stop()
            assert time.monotonic() - begin < 2.0
            assert failure(call) in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
