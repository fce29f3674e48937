import pytest

from gateway.backends.dpm_link import Address, DpmLink, LinkLost
from gateway.backends.wake import Wake
from gateway.runtime.clock import SystemClock
from gateway.wire import dpm
from tests.backends.scripted_server import Client, ScriptedServer

CLOCK = SystemClock()


class Cancelled:
    """Whether somebody has cancelled."""

    def __init__(self) -> None:
        self.now = False

    def __call__(self) -> bool:
        return self.now


def link_to(server: ScriptedServer, wake: Wake, cancelled: Cancelled, silence: float = 1.0) -> DpmLink:
    return DpmLink(Address("127.0.0.1", server.port), CLOCK, silence, wake, cancelled)


def soon(seconds: float = 2.0) -> float:
    return CLOCK.monotonic() + seconds


@pytest.mark.parametrize("host", ["a" * 70, "[::2]x"])
def test_a_host_that_cannot_be_one_is_a_lost_link(host: str) -> None:
    wake = Wake()
    with pytest.raises(LinkLost, match="cannot connect"):
        DpmLink(Address(host, 1), CLOCK, 1.0, wake, Cancelled()).connect(soon())
    wake.close()


def test_a_wake_frees_a_receiver_before_its_deadline(server: ScriptedServer) -> None:
    wake = Wake()
    link = link_to(server, wake, Cancelled())
    link.connect(soon())
    wake.set()
    begin = CLOCK.monotonic()
    assert link.receive(soon(30)) is None
    assert CLOCK.monotonic() - begin < 0.9
    wake.clear()
    assert link.receive(soon(0.05)) is None
    link.close()
    wake.close()


@pytest.mark.parametrize(("cancel", "reason"), [(False, "takes no more bytes"), (True, "closed here")])
def test_sending_to_a_server_that_does_not_read_ends_by_the_deadline_or_when_cancelled(
    server: ScriptedServer, cancel: bool, reason: str
) -> None:
    wake, cancelled = Wake(), Cancelled()
    link = link_to(server, wake, cancelled)
    link.connect(soon())

    def read_no_more(client: Client, _: dpm.Request) -> bool:
        server.wait_for(lambda: client.ended, 10.0)
        return True

    server.hook = read_no_more
    big = dpm.ApplySettings("", 1, raw_array=(dpm.RawSetting(1, bytes(100_000)),))
    cancelled.now = cancel
    with pytest.raises(LinkLost, match=reason):
        link.send([big] * 200, soon(0.3))
    link.close()
    server.clients[0].hang_up()
    with server.changed:
        server.changed.notify_all()
    wake.close()


def test_what_piled_up_on_an_idle_link_is_dropped(server: ScriptedServer) -> None:
    wake = Wake()
    link = link_to(server, wake, Cancelled())
    link.connect(soon())
    server.clients[0].send(*[dpm.ListStatusReply(1, 0)] * 100)
    link.drain()
    link.close()
    wake.close()
