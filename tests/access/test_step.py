import math

import numpy as np
import pytest

from gateway.access.step import StepLimit, too_far


@pytest.mark.parametrize(
    ("limit", "wished", "confirmed", "elapsed", "said"),
    [
        (StepLimit(), 100.0, None, 0.0, ""),
        (StepLimit(step=5), 14.9, 10.0, math.inf, ""),
        (StepLimit(step=5), 15.1, 10.0, math.inf, "a change of 5.1 A from 10 is more than the largest step, 5"),
        (StepLimit(step=5), 11.0, None, math.inf, "its step is limited and what it holds is not known yet"),
        (StepLimit(slew=4), 12.0, 10.0, 0.5, ""),
        (StepLimit(slew=4), 12.1, 10.0, 0.5, "a change of 2.1 A from 10 is faster than 4 in a second"),
        (StepLimit(slew=4), 14.1, 10.0, 3600.0, "is faster than 4 in a second"),
        (StepLimit(step=1), np.array([1.0, 4.0]), np.array([1.0, 2.0]), 9.0, "a change of 2 A from what it holds"),
        (StepLimit(step=1), np.array([1.0, 4.0]), np.array([1.0]), 9.0, "a change of inf A from 1"),
    ],
)
def test_a_put_goes_no_farther_than_its_limits(limit, wished, confirmed, elapsed, said) -> None:
    found = too_far(limit, wished, confirmed, elapsed, "A")
    assert found.startswith(said) or said in found
    assert bool(said) == bool(found)
