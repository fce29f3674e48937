import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire import dpm
from gateway.wire.dpm_rows import ScalarColumns, empty_columns, encode_scalars, find_scalars
from gateway.wire.pc import Int64s
from tests.wire.dpm_vectors import framed

INT64 = st.one_of(*(st.integers(-(2 ** (8 * n - 1)), 2 ** (8 * n - 1) - 1) for n in range(1, 9)))
ROWS = st.lists(st.tuples(INT64, INT64, st.floats()), max_size=40)
SCALARS = st.builds(dpm.ScalarReply, INT64, INT64, INT64, st.integers(-32768, 32767), st.floats())
OTHERS = st.one_of(
    st.builds(dpm.StatusReply, INT64, INT64, INT64, st.integers(-32768, 32767)),
    st.builds(dpm.TextReply, INT64, INT64, INT64, st.just(0), st.text(st.characters(max_codepoint=255), max_size=12)),
    st.builds(dpm.AnalogAlarmReply, *(INT64,) * 3, *(st.floats(),) * 2, *(st.booleans(),) * 4, *(st.just(0),) * 2),
)


def columns(rows: list[tuple[int, int, float]]) -> tuple[Int64s, Int64s, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    refs, stamps, values = zip(*rows, strict=True) if rows else ((), (), ())
    return np.array(refs, np.int64), np.array(stamps, np.int64), np.array(values, np.float64)


def search(*bodies: bytes) -> tuple[list[bool], ScalarColumns]:
    frames = [dpm.frame(body) for body in bodies]
    sizes = np.array([len(frame) for frame in frames], np.int64)
    found, rows = find_scalars(b"".join(frames), np.cumsum(sizes) - sizes, sizes)
    return found.tolist(), rows


def scalar(ref_id: int = 1, status: int = 0, data: float = 1.0) -> bytes:
    return dpm.encode(dpm.ScalarReply(ref_id, 1736942400123, 0, status, data))


@given(ROWS)
def test_columns_are_written_as_the_messages_one_by_one(rows: list[tuple[int, int, float]]) -> None:
    expected = framed(*(dpm.ScalarReply(ref, stamp, 0, 0, value) for ref, stamp, value in rows))
    assert encode_scalars(*columns(rows)) == expected


def test_rows_of_one_size_are_written_in_order() -> None:
    rows = [(ref, 1736942400123, ref / 2) for ref in range(100)]
    expected = framed(*(dpm.ScalarReply(ref, stamp, 0, 0, value) for ref, stamp, value in rows))
    assert encode_scalars(*columns(rows)) == expected


@given(st.lists(SCALARS | OTHERS, max_size=30))
def test_every_scalar_of_a_mixed_stream_is_found_with_its_values(messages: list[dpm.Reply]) -> None:
    found, rows = search(*map(dpm.encode, messages))
    for index, message in enumerate(messages):
        if found[index]:
            assert isinstance(message, dpm.ScalarReply)
            assert rows.ref_id[index] == message.ref_id
            assert rows.timestamp_ms[index] == message.timestamp
            assert rows.status[index] == message.status
            assert rows.value[index : index + 1].tobytes() == np.float64(message.data).tobytes()
        else:  # more shapes of one size than are tried
            assert len(messages) > 8 or not isinstance(message, dpm.ScalarReply)


def test_sizes_that_alternate_keep_their_places() -> None:
    found, rows = search(*(scalar(ref) for ref in (1, 1000, 2, 70000, 3, 1001)))
    assert (found, rows.ref_id.tolist()) == ([True] * 6, [1, 1000, 2, 70000, 3, 1001])


def test_scalars_behind_other_messages_of_the_same_size_are_found() -> None:
    text = dpm.encode(dpm.TextReply(1, 1736942400123, 0, 0, "sevenxy"))
    assert len(text) == len(scalar())
    assert search(text, text, scalar(7), text, scalar(8))[0] == [False, False, True, False, True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("12445412eff1", "12445413ffeff1"),  # a status of three bytes
        ("121eab1101", "121eab1001"),  # an integer of no bytes
        ("121eab1101", "121eab4101"),  # a string
        ("121eab1101", "121eac1101"),  # an unknown key
        ("121eab1101", "121eab1801"),  # an integer that reaches beyond its key
        ("12d55b16", "12d55b12"),  # an integer that ends too early
        ("127f3828", "127f3827"),  # no double
    ],
)
def test_what_is_not_of_a_standard_shape_is_left_to_the_ordinary_decoder(old: str, new: str) -> None:
    odd = bytes.fromhex(scalar(status=-4111).hex().replace(old, new))
    assert search(odd, scalar(5), odd)[0] == [False, True, False]


def test_a_frame_with_bytes_behind_its_message_is_left_to_the_ordinary_decoder() -> None:
    assert search(scalar() + b"\0", scalar(300))[0] == [False, True]


def test_frames_too_short_or_too_long_are_not_looked_at() -> None:
    assert search(b"x", scalar(), scalar() + bytes(60))[0] == [False, True, False]


def test_no_more_than_eight_shapes_of_a_size_are_tried() -> None:
    bodies = [
        dpm.encode(dpm.ScalarReply(256**ref // 4, 256**stamp // 4, 256 ** (9 - ref - stamp) // 4, 0, 1.0))
        for ref in range(1, 6)
        for stamp in range(1, 9 - ref)
    ]
    assert len({len(body) for body in bodies}) == 1
    assert sum(search(*bodies)[0]) == 8


def test_rows_can_be_chosen() -> None:
    rows = empty_columns(3)
    rows.ref_id[:] = (1, 2, 3)
    chosen = rows.where(np.array([True, False, True]))
    assert (len(rows), len(chosen), chosen.ref_id.tolist()) == (3, 2, [1, 3])
