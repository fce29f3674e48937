"""The relay before a service: bytes go both ways unchanged, and a fault is that of the link alone."""

import os
import socket
import time
from collections.abc import Iterator
from itertools import count

import pytest

from gateway.runtime.worker import StopToken, Worker
from simulator.faults import Faults
from simulator.relay import Relay
from tests.support.leaks import check_leaks

KEY = "echo"
_number = count()


class Echo:
    """A service on a local socket that sends everything back; one client after the other."""

    def __init__(self) -> None:
        self.place = f"\0acgate-test-relay-{os.getpid()}-{next(_number)}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.place)
        self._listener.listen()
        self._listener.settimeout(0.05)
        self._worker = Worker("echo", self._serve)
        self._worker.start()

    def _serve(self, stop: StopToken) -> None:
        while not stop.stopped():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            with client:
                client.settimeout(5.0)
                try:
                    while data := client.recv(65536):
                        client.sendall(data)
                except OSError:  # the relay has dropped it
                    continue

    def stop(self) -> None:
        assert self._worker.stop(5.0)
        self._listener.close()


class Stage:
    """A relay before an echo."""

    def __init__(self) -> None:
        self.faults = Faults(KEY)
        self.echo = Echo()
        self.relay = Relay(KEY, self.echo.place, self.faults, ("127.0.0.1", 0), "echo")
        self.relay.start()

    def connect(self) -> socket.socket:
        made = socket.create_connection(self.relay.address, timeout=5.0)
        made.settimeout(5.0)
        return made

    def command(self, fault: str) -> None:
        self.faults.command(KEY, fault)
        time.sleep(0.15)  # three times what it takes to be seen

    def stop(self) -> None:
        assert self.relay.stop()
        assert self.relay.stop()
        self.echo.stop()


@pytest.fixture
def stage() -> Iterator[Stage]:
    with check_leaks():
        made = Stage()
        yield made
        made.stop()


def exactly(link: socket.socket, size: int) -> bytes:
    """So many bytes from a link."""
    data = b""
    while len(data) < size:
        part = link.recv(size - len(data))
        assert part, "the link was closed"
        data += part
    return data


def closed(link: socket.socket) -> bool:
    """Whether the other end has closed or reset a link."""
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True


def test_bytes_go_both_ways_unchanged(stage: Stage) -> None:
    with stage.connect() as link:
        for number in range(50):
            link.sendall(bytes([number]) * 100)
        assert exactly(link, 5000) == b"".join(bytes([number]) * 100 for number in range(50))


def test_more_than_the_sockets_hold_waits_and_arrives(stage: Stage) -> None:
    data = os.urandom(1 << 20) * 16
    with stage.connect() as link:
        link.settimeout(0.5)
        sent = 0
        try:
            while sent < len(data):  # nobody reads: the way is full some time
                sent += link.send(data[sent:])
        except TimeoutError:
            pass
        assert 1 << 20 < sent < len(data)
        link.settimeout(5.0)
        assert exactly(link, sent) == data[:sent]
        link.sendall(b"more")
        assert exactly(link, 4) == b"more"


def test_what_one_end_closes_is_closed_at_the_other(stage: Stage) -> None:
    with stage.connect() as link:
        link.sendall(b"x")
        assert exactly(link, 1) == b"x"
    with stage.connect() as again:  # the echo takes the next only when the former is gone
        again.sendall(b"y")
        assert exactly(again, 1) == b"y"


def test_without_a_service_behind_it_connections_are_closed_at_once() -> None:
    with check_leaks():
        relay = Relay(KEY, "\0acgate-nobody-is-here", Faults(KEY), ("127.0.0.1", 0), "echo")
        relay.start()
        with socket.create_connection(relay.address, timeout=5.0) as link:
            assert closed(link)
        assert relay.stop()


def test_reset_resets_old_and_new_connections(stage: Stage) -> None:
    with stage.connect() as old:
        old.sendall(b"x")
        exactly(old, 1)
        stage.command("reset")
        assert closed(old)
        try:
            new = stage.connect()
        except ConnectionResetError:  # as soon as that
            pass
        else:
            with new:
                assert closed(new)
    stage.command("none")
    with stage.connect() as later:
        later.sendall(b"x")
        assert exactly(later, 1) == b"x"


@pytest.mark.parametrize("fault", ["hang", "silent"])
def test_what_is_held_comes_when_the_fault_ends(stage: Stage, fault: str) -> None:
    with stage.connect() as link:
        stage.command(fault)
        link.sendall(b"held")
        link.settimeout(0.3)
        with pytest.raises(TimeoutError):
            link.recv(1)
        stage.command("none")
        link.settimeout(5.0)
        assert exactly(link, 4) == b"held"


def test_garbage_takes_the_place_of_what_the_service_says_and_ends_with_the_connection(stage: Stage) -> None:
    with stage.connect() as link:
        stage.command("garbage")
        link.sendall(b"hello")
        assert exactly(link, 8) == b"\xde\xad\xbe\xef" * 2
        stage.command("none")
        while not closed(link):
            pass


def test_a_fault_that_this_link_does_not_have_changes_nothing(stage: Stage) -> None:
    with stage.connect() as link:
        stage.command("no_heartbeat")
        link.sendall(b"x")
        assert exactly(link, 1) == b"x"


def test_it_ends_under_clients_that_send(stage: Stage) -> None:
    with stage.connect() as link:
        link.sendall(b"x" * 10_000)
        assert stage.relay.stop()
        while not closed(link):
            pass
