import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.clock_events import SECOND_NS, next_event

NOW = 1_700_000_000_123_456_789
times = st.integers(SECOND_NS, 4_000_000_000 * SECOND_NS)


@given(number=st.sampled_from([0x00, 0x02, 0x0F, 0x1D, 0x8F]), t_ns=times)
def test_the_next_event_is_later_and_there_is_none_between(number, t_ns):
    event = next_event(number, t_ns)
    assert event > t_ns
    assert event == next_event(number, event - 1)
    assert event == next_event(number, (t_ns + event) // 2)


def test_0f_comes_fifteen_times_a_second():
    at, count = NOW, 0
    while (at := next_event(0x0F, at)) <= NOW + 10 * SECOND_NS:
        count += 1
    assert 150 == count


@pytest.mark.parametrize(("number", "seconds"), [(0x02, 5), (0x00, 60), (0x8F, 1)])
def test_regular_events_keep_their_period(number, seconds):
    first = next_event(number, NOW)
    assert first % (seconds * SECOND_NS) == 0
    assert first + seconds * SECOND_NS == next_event(number, first)


def test_1d_comes_irregularly_but_between_its_limits():
    at, gaps = next_event(0x1D, NOW), []
    for _ in range(500):
        later = next_event(0x1D, at)
        gaps.append((later - at) / SECOND_NS)
        at = later
    assert min(gaps) >= 0.7 - 1e-6
    assert max(gaps) <= 3.0 + 1e-6
    assert len({round(gap, 3) for gap in gaps}) > 100
