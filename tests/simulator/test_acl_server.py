import http.client
import socket
import time
from collections.abc import Iterator

import pytest

from gateway.core.errors import BadInput
from gateway.runtime.clock import SystemClock
from simulator.acl_server import PATH, AclServer
from simulator.facility import shipped_facility
from simulator.faults import Faults
from simulator.sent_log import SentLog
from tests.support.leaks import check_leaks


class Caller:
    """One HTTP connection that sends its targets as they are."""

    def __init__(self, address: tuple[str, int], timeout: float = 10.0) -> None:
        self.link = http.client.HTTPConnection(*address, timeout=timeout)

    def get(self, wire: str, method: str = "GET") -> tuple[int, str]:
        return self.call(method, f"{PATH}?acl={wire}")

    def call(self, method: str, target: str, body: str | None = None) -> tuple[int, str]:
        self.link.request(method, target, body)
        answer = self.link.getresponse()
        return answer.status, answer.read().decode()


@pytest.fixture
def faults() -> Faults:
    return Faults("acl")


@pytest.fixture
def server(faults: Faults) -> Iterator[AclServer]:
    with check_leaks():
        made = AclServer(shipped_facility(), SystemClock(), 0, faults=faults)
        made.start()
        yield made
        assert made.stop()
        assert made.stop()


@pytest.fixture
def caller(server: AclServer) -> Iterator[Caller]:
    made = Caller(server.address)
    yield made
    made.link.close()


def test_a_script_is_run_and_its_lines_are_the_body(caller: Caller) -> None:
    assert caller.get("read+Z_ACLTST\\;read+D:GAINS[0:1]") == (
        200, "Z:ACLTST       =  10 Amps\nD:GAINS[0:1]   =  0 1 dB\n",
    )  # fmt: skip


def test_one_connection_serves_many_calls(server: AclServer, caller: Caller) -> None:
    for _ in range(3):
        assert caller.get("read+Z_ACLTST")[0] == 200
    assert list(server.scripts) == [["read Z_ACLTST"]] * 3


def test_what_was_encoded_too_far_is_an_unknown_name(caller: Caller) -> None:
    code, text = caller.get("read+M%3AOUTTMP")
    assert (code, text) == (200, "Invalid device name (M%3AOUTTMP) in read device command at line 1 - DBM_NOREC\n")


def test_the_parameter_ends_where_the_next_begins(caller: Caller) -> None:
    assert caller.get("read+Z_ACLTST&acl=fly")[1].startswith("Z:ACLTST ")


def test_head_is_answered_without_a_body(caller: Caller) -> None:
    assert caller.get("read+Z_ACLTST", "HEAD") == (200, "")


@pytest.mark.parametrize(
    ("method", "target", "code"),
    [
        ("GET", "/other?acl=read+M:OUTTMP", 404),
        ("GET", PATH, 400),
        ("GET", f"{PATH}?script=read+M:OUTTMP", 400),
        ("GET", f"{PATH}?acl={'x' * 9000}", 414),
        ("POST", "/other", 400),
        ("PUT", PATH, 501),
    ],
)
def test_other_calls_are_refused(caller: Caller, method: str, target: str, code: int) -> None:
    assert caller.call(method, target)[0] == code


def test_a_posted_script_is_run_as_it_is(caller: Caller) -> None:
    assert caller.call("POST", PATH, "read Z&ACLTST; read Z_ACLTST\nread M%3AX")[1].splitlines() == [
        "Z:ACLTST       =  ",
        "Z:ACLTST       =  10 Amps",
        "Invalid device name (M%3AX) in read device command at line 3 - DBM_NOREC",
    ]


def test_lines_before_an_error_are_printed_or_not() -> None:
    for printed in (True, False):
        server = AclServer(shipped_facility(), SystemClock(), 0, prints_before_error=printed)
        server.start()
        caller = Caller(server.address)
        lines = caller.get("read+Z_ACLTST\\;read+Z:NOTFND\\;read+Z_ACLTST")[1].splitlines()
        assert [line.startswith("Z:ACLTST") for line in lines] == ([True, False] if printed else [False])
        caller.link.close()
        assert server.stop()


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        ("http_500", 500, "Internal Server Error\n"),
        ("html", 200, "<html><body>Service error</body></html>\n"),
        ("fewer_lines", 200, "Z:ACLTST       =  10 Amps\n"),
    ],
)
def test_a_commanded_fault_shows_in_the_next_answer(
    caller: Caller, faults: Faults, fault: str, code: int, text: str
) -> None:
    faults.command("acl", fault)
    assert caller.get("read+Z_ACLTST\\;read+Z_ACLTST") == (code, text)
    faults.command("acl", "none")
    assert caller.get("read+Z_ACLTST") == (200, "Z:ACLTST       =  10 Amps\n")


def test_half_an_answer_ends_before_its_length(caller: Caller, faults: Faults) -> None:
    faults.command("acl", "half")
    with pytest.raises(http.client.IncompleteRead):
        caller.get("read+Z_ACLTST")


def test_garbage_is_no_answer_at_all(caller: Caller, faults: Faults) -> None:
    faults.command("acl", "garbage")
    with pytest.raises(http.client.BadStatusLine):
        caller.get("read+Z_ACLTST")


@pytest.mark.parametrize("fault", ["hang", "silent"])
def test_who_hangs_goes_on_where_it_stopped(server: AclServer, faults: Faults, fault: str) -> None:
    caller = Caller(server.address, timeout=0.3)
    faults.command("acl", fault)
    with pytest.raises(TimeoutError):
        caller.get("read+Z_ACLTST")
    assert len(server.scripts) == (1 if fault == "silent" else 0)
    caller.link.close()
    caller.link.timeout = 5.0
    faults.command("acl", "none")
    assert caller.get("read+Z_ACLTST")[0] == 200
    caller.link.close()


def test_a_server_that_hangs_can_be_stopped(server: AclServer, faults: Faults) -> None:
    caller = Caller(server.address)
    faults.command("acl", "hang")
    caller.link.request("GET", f"{PATH}?acl=read+Z_ACLTST")
    begin = time.monotonic()
    assert server.stop()
    assert time.monotonic() - begin < 2.0
    caller.link.close()


def until_seen(caller: Caller, wanted: type[OSError]) -> None:
    """Wait a bounded time until a call ends in this error."""
    deadline = time.monotonic() + 3.0
    while time.monotonic() < deadline:
        try:
            caller.get("read+Z_ACLTST")
        except wanted:
            return
        except (http.client.HTTPException, OSError):
            pass
        caller.link.close()
    raise AssertionError(f"no {wanted.__name__} in 3 s")


def test_connections_are_reset_and_refused_on_command(server: AclServer, faults: Faults) -> None:
    caller = Caller(server.address, timeout=1.0)
    faults.command("acl", "reset")
    until_seen(caller, ConnectionResetError)
    faults.command("acl", "refuse")
    until_seen(caller, ConnectionRefusedError)
    faults.command("acl", "none")
    deadline = time.monotonic() + 3.0
    while True:
        try:
            assert caller.get("read+Z_ACLTST")[0] == 200
            break
        except (http.client.HTTPException, OSError):
            assert time.monotonic() < deadline
            caller.link.close()
    caller.link.close()


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match="the simulated ACL cannot listen on"):
            AclServer(shipped_facility(), SystemClock(), port).start()


def test_what_was_read_is_in_the_sent_log(tmp_path) -> None:
    log = SentLog(tmp_path / "sent.csv")
    server = AclServer(shipped_facility(), SystemClock(), 0, sent_log=log)
    server.start()
    caller = Caller(server.address)
    caller.get("read+Z_ACLTST")
    caller.link.close()
    assert server.stop()
    log.close()
    assert (tmp_path / "sent.csv").read_text().splitlines()[1].endswith(",Z:ACLTST,SETTING,10.0")
