import pytest

from gateway.backends.dpm_link import Address, DpmLink, LinkLost
from gateway.backends.dpm_pool import LinkPool
from gateway.backends.wake import Wake
from gateway.runtime.clock import SystemClock
from tests.backends.scripted_server import ScriptedServer

CLOCK = SystemClock()


class Pool:
    """A pool in front of a server, and the wake of its links."""

    def __init__(self, server: ScriptedServer, size: int, idle: float = 60.0) -> None:
        self.wake = Wake()
        self.links = LinkPool("pool", size, self._make, CLOCK, 1.0, idle)
        self._address = Address("127.0.0.1", server.port)

    def _make(self) -> DpmLink:
        return DpmLink(self._address, CLOCK, 1.0, self.wake, lambda: False)

    def borrow(self, seconds: float = 2.0, fresh: bool = False) -> DpmLink:
        return self.links.borrow(CLOCK.monotonic() + seconds, fresh)

    def close(self) -> None:
        self.links.close(2.0)
        assert self.links.drained(2.0)
        self.wake.close()


@pytest.fixture
def pool(server: ScriptedServer) -> Pool:
    return Pool(server, 2)


def test_a_link_that_was_given_back_is_lent_again(pool: Pool) -> None:
    first = pool.borrow()
    pool.links.give_back(first)
    assert pool.borrow() is first
    pool.links.discard(first)
    pool.close()


def test_the_youngest_is_lent_first(pool: Pool) -> None:
    first, second = pool.borrow(), pool.borrow()
    pool.links.give_back(first)
    pool.links.give_back(second)
    assert pool.borrow() is second
    pool.links.discard(second)
    pool.close()


def test_a_fresh_link_displaces_an_idle_one_when_the_pool_is_full(pool: Pool) -> None:
    first, second = pool.borrow(), pool.borrow()
    pool.links.give_back(first)
    third = pool.borrow(fresh=True)
    assert third not in (first, second)
    assert pool.links.open == 2
    for link in (second, third):
        pool.links.discard(link)
    pool.close()


def test_when_all_are_lent_the_next_one_waits_in_vain(pool: Pool) -> None:
    lent = [pool.borrow(), pool.borrow()]
    with pytest.raises(LinkLost, match="all 2 connections for pool are in use"):
        pool.borrow(0.05)
    for link in lent:
        pool.links.discard(link)
    assert pool.links.open == 0
    pool.close()


def test_a_link_on_which_the_server_fell_silent_is_not_lent(server: ScriptedServer, pool: Pool) -> None:
    server.beat = 60.0
    link = pool.borrow()
    pool.links.give_back(link)
    with pytest.raises(LinkLost, match="no byte for 1 s"):
        link.receive(CLOCK.monotonic() + 5)
    other = pool.borrow()
    assert other is not link
    assert len(server.clients) == 2
    pool.links.discard(other)
    pool.close()


def test_after_close_nothing_is_lent_and_what_comes_back_is_closed(pool: Pool) -> None:
    lent = pool.borrow()
    pool.links.close(2.0)
    with pytest.raises(LinkLost, match="closed"):
        pool.borrow()
    assert pool.links.open == 1
    pool.links.give_back(lent)
    assert pool.links.open == 0
    pool.close()


def test_a_link_that_is_closed_can_neither_send_nor_receive(pool: Pool) -> None:
    link = pool.borrow()
    pool.links.discard(link)
    with pytest.raises(LinkLost, match="the link is closed"):
        link.receive(CLOCK.monotonic())
    with pytest.raises(LinkLost, match="the link is closed"):
        link.send((), CLOCK.monotonic())
    pool.close()


def test_a_link_that_nobody_borrows_for_long_is_closed_and_the_worker_ends(server: ScriptedServer) -> None:
    pool = Pool(server, 2, idle=0.1)
    for _ in range(2):
        pool.links.give_back(pool.borrow())
        assert pool.links.drained(2.0)
    server.wait_for(lambda: not server.living)
    assert len(server.clients) == 2
    pool.close()
