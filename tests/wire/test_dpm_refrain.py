"""What comes again is taken at once, and nothing that was learned ever changes what is decoded."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.batch import stamp_of_all
from gateway.wire import dpm
from gateway.wire.dpm_connection import DpmConnection, Role, StreamError
from gateway.wire.dpm_refrain import LEAST, Refrains
from gateway.wire.dpm_rows import ScalarColumns, empty_columns
from tests.wire.dpm_vectors import framed
from tests.wire.test_dpm_connection import in_order, opened

STAMP = 1_736_942_400_123
REFS = (*range(100, 100 + LEAST), 200, 300)  # references of one and of two bytes
PIECE = 4  # frames of a delivery that is too short for the columns, and so for a refrain


def burst(
    round_: int, refs: Sequence[int] = REFS, status: int = 0, spread: int = 0, stamp: int = STAMP
) -> list[dpm.Reply]:
    """A period of a list; the stamps of its replies lie `spread` ms apart."""
    return [
        dpm.ScalarReply(ref, stamp + 1000 * round_ + spread * place, round_, status, round_ + ref / 7)
        for place, ref in enumerate(refs)
    ]


def slowly(replies: Sequence[dpm.Reply]) -> list[object]:
    """The same replies through a connection that never sees enough at once to learn anything."""
    connection = opened(Role.CLIENT)
    found: list[object] = []
    for at in range(0, len(replies), PIECE):
        found += in_order(connection.receive(framed(*replies[at : at + PIECE])))
    assert not connection._refrains.known
    return found


def learned(*bursts: list[dpm.Reply]) -> DpmConnection:
    """A connection that has heard these bursts, each in one read."""
    connection = opened(Role.CLIENT)
    for one in bursts:
        connection.receive(framed(*one))
    return connection


def hits(connection: DpmConnection) -> int:
    return sum(refrain.hits for refrain in connection._refrains._known.values())


def test_what_came_twice_is_taken_at_once_the_third_time() -> None:
    connection = learned(burst(1), burst(2))
    assert connection._refrains.known
    assert slowly(burst(3)) == in_order(connection.receive(framed(*burst(3))))
    assert 1 == hits(connection)


def test_references_and_statuses_are_the_same_arrays_each_time() -> None:
    connection = learned(burst(1), burst(2))
    one, two = (connection.receive(framed(*burst(round_))).columns for round_ in (3, 4))
    assert one.ref_id is two.ref_id
    assert one.status is two.status
    assert not one.ref_id.flags.writeable


def test_the_stamps_of_a_burst_are_one_and_others_are_kept_apart() -> None:
    connection = learned(burst(1), burst(2))
    assert STAMP + 3000 == stamp_of_all(connection.receive(framed(*burst(3))).columns.timestamp_ms)
    apart = connection.receive(framed(*burst(4, spread=1))).columns.timestamp_ms
    assert [STAMP + 4000 + place for place in range(len(REFS))] == apart.tolist()


def test_stamps_before_1970_keep_their_sign() -> None:
    connection = learned(burst(1, stamp=-STAMP), burst(2, stamp=-STAMP))
    columns = connection.receive(framed(*burst(3, spread=1, stamp=-STAMP))).columns
    assert [-STAMP + 3000 + place for place in range(len(REFS))] == columns.timestamp_ms.tolist()
    assert 1 == hits(connection)


def test_a_changed_status_is_seen_and_then_learned() -> None:
    connection = learned(burst(1), burst(2))
    for round_, status, taken in ((3, 0, 1), (4, 14, 1), (5, 14, 2), (6, 0x0A0E, 2), (7, 0x0A0E, 2), (8, 0x0A0E, 3)):
        columns = connection.receive(framed(*burst(round_, status=status))).columns
        assert {status} == set(columns.status.tolist())
        assert taken == hits(connection)  # a status of two bytes makes longer frames: those are heard twice first


def test_a_reply_of_another_kind_among_them_is_not_overlooked() -> None:
    connection = learned(burst(1), burst(2))
    mixed = burst(3)
    mixed[20] = dpm.TextReply(120, STAMP, 0, 0, "x" * 9)
    assert slowly(mixed) == in_order(connection.receive(framed(*mixed)))


def test_what_follows_a_refrain_in_the_same_read_keeps_its_place() -> None:
    connection = learned(burst(1), burst(2))
    tail: list[dpm.Reply] = [dpm.ListStatusReply(4096, 0), dpm.ScalarReply(1, STAMP, 0, 0, 1.5)]
    received = connection.receive(framed(*burst(3), *tail))
    assert [len(REFS)] == [after for after, _ in received.messages]
    assert slowly([*burst(3), *tail]) == in_order(received)


def test_what_came_before_bad_bytes_is_not_lost() -> None:
    connection = learned(burst(1), burst(2))
    with pytest.raises(StreamError) as raised:
        connection.receive(framed(*burst(3)) + bytes(4))
    assert slowly(burst(3)) == in_order(raised.value.before)


def test_a_list_that_never_repeats_is_soon_left_alone() -> None:
    connection = opened(Role.CLIENT)
    for round_ in range(20):
        refs = (REFS[0], *(400 + (round_ * 7 + place) % 90 for place in range(LEAST)))
        assert slowly(burst(round_, refs)) == in_order(connection.receive(framed(*burst(round_, refs))))
    (refrain,) = connection._refrains._known.values()
    assert (5, 0) == (refrain.tries, refrain.hits)


def test_frames_that_change_their_shape_too_often_are_not_learned() -> None:
    refs = [ref for pair in zip(range(1, 40), range(301, 340), strict=True) for ref in pair]
    connection = learned(burst(1, refs), burst(2, refs), burst(3, refs))
    assert not connection._refrains.known


def test_shapes_of_one_size_are_told_apart() -> None:
    """A reference of two bytes and a cycle of one are as long as one byte and two."""
    replies: list[dpm.Reply] = [dpm.ScalarReply(100 + n, STAMP, 300, 0, n / 3) for n in range(20)]
    replies += [dpm.ScalarReply(200 + n, STAMP, 3, 0, n / 5) for n in range(20)]
    connection = learned(replies, replies)
    assert slowly(replies) == in_order(connection.receive(framed(*replies)))
    assert 1 == hits(connection)


def test_frames_with_a_status_too_wide_for_a_shape_are_not_learned() -> None:
    refrains, replies = Refrains(), [dpm.encode(reply) for reply in burst(1)]
    wide = replies[5].replace(bytes.fromhex("1244541100"), bytes.fromhex("124454130000000000")[:8])
    frames = [dpm.frame(body) for body in [*replies[:5], wide, *replies[6:]]]
    sizes = [len(frame) for frame in frames]
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    for _ in range(3):
        refrains.hear(b"".join(frames), starts, sizes, empty_columns(len(frames)))
    assert not refrains.known


def test_bytes_that_are_no_scalar_reply_are_not_heard() -> None:
    refrains = Refrains()
    for data in (b"", b"\xff" * 4000):
        refrains.hear(data, [0] * LEAST, [1] * LEAST, empty_columns(LEAST))
    assert not refrains.known
    assert not refrains._heard


def test_what_is_learned_takes_bounded_room() -> None:
    connection = opened(Role.CLIENT)
    for first in range(1000, 1200):
        for round_ in (1, 2):
            connection.receive(framed(*burst(round_, range(first, first + LEAST))))
        assert sum(refrain.size for refrain in connection._refrains._known.values()) <= 70_000
    assert connection._refrains._known
    assert len(connection._refrains._heard) <= 64


def test_several_periods_in_one_read_are_learned_as_one() -> None:
    five = [reply for round_ in range(5) for reply in burst(round_)]
    connection = learned(five, five)
    (refrain,) = connection._refrains._known.values()
    assert refrain.count == len(REFS)
    assert slowly(five) == in_order(connection.receive(framed(*five)))
    assert 5 == hits(connection)


def test_a_burst_in_pieces_is_taken_piece_by_piece() -> None:
    connection = learned(burst(1), burst(2))
    for round_ in range(3, 60):
        whole, found = framed(*burst(round_, spread=round_ % 2)), list[object]()
        cuts = sorted({0, 7 * round_ % len(whole), 97 * round_ % len(whole), len(whole)})
        for first, last in pairwise(cuts):
            found += in_order(connection.receive(whole[first:last]))
        assert slowly(burst(round_, spread=round_ % 2)) == found
    (refrain,) = connection._refrains._known.values()
    assert 1 == refrain.tries
    assert len(refrain._parts) <= 64


def test_a_burst_that_begins_anew_before_its_end_is_known_again() -> None:
    connection = learned(burst(1), burst(2))
    half = burst(3)[: len(REFS) // 2]
    assert slowly(half) == in_order(connection.receive(framed(*half)))
    assert slowly(burst(4)) == in_order(connection.receive(framed(*burst(4))))
    assert 2 == hits(connection)


@given(
    rounds=st.lists(
        st.tuples(st.sampled_from([0, 0, 0, 1, 700]), st.sampled_from([0, 0, 0x0A0E, -1]), st.integers(0, len(REFS))),
        min_size=3, max_size=8,
    ),
    cuts=st.lists(st.integers(0, 6000), max_size=6),
)  # fmt: skip
def test_however_a_stream_is_cut_it_is_decoded_as_without_refrains(
    rounds: list[tuple[int, int, int]], cuts: list[int]
) -> None:
    bursts = [burst(n, status=status, spread=spread) for n, (spread, status, _) in enumerate(rounds, 1)]
    for one, (_, _, place) in zip(bursts, rounds, strict=True):
        if place < 5:
            one.insert(place, dpm.ListStatusReply(4096, 0))
    connection = learned(burst(1), burst(2))
    whole = framed(*(reply for one in bursts for reply in one))
    places = sorted({0, *(cut for cut in cuts if cut < len(whole)), len(whole)})
    found: list[object] = []
    for first, last in pairwise(places):
        found += in_order(connection.receive(whole[first:last]))
    assert slowly([reply for one in bursts for reply in one]) == found


def test_a_buffer_that_is_used_again_changes_nothing_that_was_given() -> None:
    connection, store = learned(burst(1), burst(2)), bytearray(framed(*burst(3)))
    columns: ScalarColumns = connection.receive(memoryview(store)).columns
    before = (columns.value.tolist(), columns.timestamp_ms.tolist(), columns.ref_id.tolist())
    store[:] = bytes(len(store))
    assert before == (columns.value.tolist(), columns.timestamp_ms.tolist(), columns.ref_id.tolist())
    assert not np.isnan(columns.value).any()
