import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.models import (
    Constant,
    Noise,
    Ramp,
    RandomWalk,
    Replay,
    Sine,
    Square,
    Stuck,
    Sum,
    replay,
    seeded,
    value,
)

NOW = 1_700_000_000_000_000_000
times = st.integers(0, 4_000_000_000_000_000_000)
MODELS = [
    Constant(1.5, 0.5), Stuck(4.0), Sine(1, 2, 3), Noise(1, 0.1, 7), RandomWalk(5, 1, 1, 3), Ramp(0, 10, 4),
    Square(0, 1, 2),
    Sum((Constant(1), Noise(0, 1, 2))), replay("0,1\n1,2\n"),
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
@given(t_ns=times, count=st.integers(1, 50))
def test_every_model_is_a_pure_function_of_time_and_element(model, t_ns, count):
    elements = np.arange(count, dtype=np.int64)
    first, again = model.values(t_ns, elements), model.values(t_ns, elements)
    assert (count,) == first.shape
    assert np.float64 == first.dtype
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    assert first[-1] == value(model, t_ns, count - 1)


@given(t_ns=times)
def test_a_sine_stays_within_its_amplitude_and_repeats_after_its_period(t_ns):
    model = Sine(mean=10, amplitude=2, period_s=60)
    assert 8 <= value(model, t_ns) <= 12
    assert math.isclose(value(model, t_ns), value(model, t_ns + 60_000_000_000), abs_tol=1e-9)


@given(t_ns=times, low=st.floats(-100, 100), height=st.floats(0, 100))
def test_a_ramp_stays_between_its_ends(t_ns, low, height):
    assert low <= value(Ramp(low, low + height, 10), t_ns) <= low + height + 1e-9


def test_a_ramp_climbs_and_falls_back():
    model = Ramp(0, 10, 10)
    assert 0.0 == value(model, 0)
    assert 5.0 == value(model, 5_000_000_000)
    assert 0.0 == value(model, 10_000_000_000)


def test_a_square_is_low_first_and_high_for_its_duty():
    model = Square(low=1, high=2, period_s=10, duty=0.3)
    assert [1.0, 1.0, 2.0, 1.0] == [value(model, second * 1_000_000_000) for second in (0, 6, 8, 10)]


def test_noise_has_its_mean_and_deviation():
    drawn = np.array([value(Noise(5, 2, 1), NOW + tick * 1000) for tick in range(4000)])
    assert abs(drawn.mean() - 5) < 0.2
    assert abs(drawn.std() - 2) < 0.2


def test_the_elements_of_a_noise_differ():
    assert 1000 == len(set(Noise(0, 1, 1).values(NOW, np.arange(1000, dtype=np.int64)).tolist()))


def test_other_seeds_make_other_noise():
    assert value(seeded(Noise(), 1), NOW) != value(seeded(Noise(), 2), NOW)
    assert value(seeded(Sum((Noise(), Constant(3))), 1), NOW) != value(seeded(Sum((Noise(), Constant(3))), 2), NOW)
    assert Constant(3) == seeded(Constant(3), 9)


@given(t_ns=times, seed=st.integers(0, 1000))
def test_a_random_walk_moves_little_in_little_time(t_ns, seed):
    model = RandomWalk(start=0, step=1, step_s=1, seed=seed)
    assert abs(value(model, t_ns + 10_000_000) - value(model, t_ns)) < 2.0


def test_a_random_walk_wanders():
    walked = [value(RandomWalk(0, 1, 1, 5), NOW + second * 1_000_000_000) for second in range(0, 10_000, 10)]
    assert max(walked) - min(walked) > 10


def test_a_replay_holds_each_value_until_the_next_and_begins_again():
    model = replay("# a comment\n10,1.0\n\n11,2.0\n13,3.0\n")
    assert 5_000_000_000 == model.period_ns
    assert [1.0, 2.0, 2.0, 3.0, 3.0, 1.0] == [value(model, second * 1_000_000_000) for second in range(6)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0,1\nx,2\n", "line 2"),
        ("0,1\n1,2,3\n", "line 2"),
        ("0,1\n", "two lines"),
        ("1,1\n1,2\n", "ascending"),
    ],
)
def test_a_replay_that_cannot_be_read_says_where(text, reason):
    with pytest.raises(ValueError, match=reason):
        replay(text)


def test_a_replay_knows_no_seed():
    model = replay("0,1\n1,2\n")
    assert isinstance(model, Replay)
    assert seeded(model, 4) is model
