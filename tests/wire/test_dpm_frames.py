import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.dpm_frames import find_frames

RUNS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 70)), max_size=6)


def stream_of(runs: list[tuple[int, int]]) -> tuple[bytes, list[int]]:
    """Frames by runs of (length of the body, number of frames), and their sizes."""
    lengths = [length for length, count in runs for _ in range(count)]
    return b"".join(n.to_bytes(4, "big") + b"\0" * n for n in lengths), [4 + n for n in lengths]


@given(RUNS, st.integers(0, 20))
def test_complete_frames_are_found_and_the_rest_is_left(runs: list[tuple[int, int]], missing: int) -> None:
    whole, sizes = stream_of(runs)
    stream = whole[: max(len(whole) - missing, 0)]
    found = find_frames(bytearray(stream), 100)
    assert found.fault == ""
    assert found.sizes == sizes[: len(found.sizes)]
    assert found.starts == [sum(sizes[:i]) for i in range(len(found.sizes))]
    assert found.end == sum(found.sizes)
    assert found.end <= len(stream)
    assert len(found.sizes) == len(sizes) or found.end + sizes[len(found.sizes)] > len(stream)


@pytest.mark.parametrize("length", [0, 101, 0x80000000, 0xFFFFFFFF])
@pytest.mark.parametrize("good", [0, 1, 50])
def test_a_forbidden_length_is_reported_at_its_place(length: int, good: int) -> None:
    stream, sizes = stream_of([(7, good)])
    found = find_frames(stream + length.to_bytes(4, "big") + bytes(200), 100)
    assert (found.sizes, found.end) == (sizes, len(stream))
    assert found.fault == f"a frame has the length {length}, allowed are 1 to 100"


def test_a_length_is_reported_before_its_body_is_there() -> None:
    assert find_frames((101).to_bytes(4, "big"), 100).fault
    assert find_frames((100).to_bytes(4, "big"), 100).fault == ""
