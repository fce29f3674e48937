"""The counting client of the benchmarks, against bytes that a server could send."""

import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from gateway.app.bench.rawca import EVENT_ADD, READ_NOTIFY, Circuit, MeasurementFailed, cut_message, message
from gateway.app.bench.updates import EPICS_EPOCH, UPDATE, Updates, ages_ms


@dataclass
class Pair:
    """A circuit and the server's end of it."""

    circuit: Circuit
    server: socket.socket


@pytest.fixture
def pair() -> Iterator[Pair]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        circuit = Circuit(listener.getsockname()[1])
        server, _ = listener.accept()
        circuit.sids = [10, 11]
        with server:
            yield Pair(circuit, server)
        circuit.close()


def rows(*updates: tuple[int, float], age: float = 0.5) -> bytes:
    """Updates as (place, value)."""
    made = np.zeros(len(updates), UPDATE)
    made["command"], made["size"], made["status"] = EVENT_ADD, 24, 1
    made["place"] = [place for place, _ in updates]
    made["value"] = [value for _, value in updates]
    made["sec"] = int(time.time() - age) - EPICS_EPOCH
    return made.tobytes()


def test_updates_are_counted_and_none_is_lost_when_the_values_follow_each_other(pair: Pair) -> None:
    counter = Updates(pair.circuit)
    pair.server.sendall(rows((0, 5.25), (1, 7.5), (0, 6.25), (1, 8.5)))
    counter.read()
    assert (counter.count, counter.lost()) == (4, 0.0)


def test_a_gap_between_the_values_of_a_pv_is_a_loss(pair: Pair) -> None:
    counter = Updates(pair.circuit)
    pair.server.sendall(rows((0, 5.0)))
    counter.read()
    pair.server.sendall(rows((0, 8.0)))
    counter.read()
    assert counter.lost() == pytest.approx(0.5)  # of 5, 6, 7 and 8 two came


def test_updates_are_found_among_other_messages_and_across_reads(pair: Pair) -> None:
    counter = Updates(pair.circuit)
    data = message(READ_NOTIFY, bytes(8), 6, 1, 1, 3) + rows((0, 1.0), (1, 1.0))
    pair.server.sendall(data[:50])
    counter.read()
    pair.server.sendall(data[50:])
    counter.read()
    assert counter.count == 2


def test_ages_are_the_time_since_the_sources_stamp(pair: Pair) -> None:
    counter = Updates(pair.circuit)
    pair.server.sendall(rows((0, 1.0), age=10.0))
    counter.read()
    (age,) = ages_ms([counter], (50,))
    assert 9_900 < age < 12_000


def test_a_window_without_updates_is_an_error(pair: Pair) -> None:
    counter = Updates(pair.circuit)
    with pytest.raises(MeasurementFailed, match="no update came"):
        ages_ms([counter], (50,))
    assert counter.lost() == 0.0


def test_a_server_that_hangs_up_is_an_error(pair: Pair) -> None:
    counter = Updates(pair.circuit)
    pair.server.close()
    with pytest.raises(MeasurementFailed, match="closed the circuit"):
        counter.read()


def test_replies_are_counted_as_columns_and_among_other_messages(pair: Pair) -> None:
    reply = message(READ_NOTIFY, bytes(8), 6, 1, 1, 3)
    pair.server.sendall(reply * 3)
    pair.circuit.many_replies(READ_NOTIFY, 3, 8)
    pair.server.sendall(reply + rows((0, 1.0)) + reply)
    pair.circuit.many_replies(READ_NOTIFY, 2, 8)
    assert pair.circuit.rest() == b""


def test_a_reply_that_says_failure_is_an_error(pair: Pair) -> None:
    pair.server.sendall(message(READ_NOTIFY, bytes(8), 6, 1, 152, 3))
    with pytest.raises(MeasurementFailed, match="CA status 152"):
        pair.circuit.replies(READ_NOTIFY, 1)


def test_a_message_with_a_long_header_is_cut_where_it_ends() -> None:
    data = bytearray(struct.pack(">HHHHIIII", EVENT_ADD, 0xFFFF, 20, 0, 1, 2, 8, 1) + b"12345678" + b"rest")
    found = cut_message(data, 0)
    assert found is not None
    assert (found[0].payload, found[1]) == (b"12345678", 32)
    assert all(cut_message(data[:size], 0) is None for size in range(32))
