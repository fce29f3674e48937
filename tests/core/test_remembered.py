"""What is made of an array is made once, for as long as the array cannot change."""

import numpy as np

from gateway.core.remembered import Remembered, constant


def counting() -> tuple[Remembered[float], list[float]]:
    made: list[float] = []

    def total(*arrays: np.ndarray) -> float:
        made.append(float(sum(array.sum() for array in arrays)))
        return made[-1]

    return Remembered(total), made


def test_the_same_constant_array_is_looked_at_once() -> None:
    remembered, made = counting()
    array = constant(np.arange(4.0))
    assert [6.0, 6.0] == [remembered.of(array), remembered.of(array)]
    assert [6.0] == made


def test_an_array_that_can_change_is_looked_at_each_time() -> None:
    remembered, made = counting()
    array = np.arange(4.0)
    assert 6.0 == remembered.of(array)
    array[0] = 10.0
    assert 16.0 == remembered.of(array)
    assert [6.0, 16.0] == made


def test_equal_arrays_are_not_the_same_array() -> None:
    remembered, made = counting()
    for _ in range(3):
        remembered.of(constant(np.arange(4.0)))
    assert 3 == len(made)


def test_the_answer_belongs_to_all_arrays_together_and_in_their_order() -> None:
    remembered, made = counting()
    one, two = constant(np.arange(3.0)), constant(np.arange(4.0))
    for arrays in ((one, two), (one, one), (two, one), (one, two)):
        remembered.of(*arrays)
    assert [9.0, 6.0, 9.0] == made


def test_what_was_forgotten_is_made_again() -> None:
    remembered, made = counting()
    array = constant(np.arange(3.0))
    remembered.of(array)
    remembered.forget()
    remembered.of(array)
    assert 2 == len(made)


def test_the_number_of_answers_is_bounded() -> None:
    remembered, made = counting()
    arrays = [constant(np.full(2, float(place))) for place in range(65)]
    for array in arrays:
        remembered.of(array)
    assert 65 == len(made)
    remembered.of(arrays[64])  # still known
    assert 65 == len(made)
    remembered.of(arrays[0])  # forgotten with the others when there were too many
    assert 66 == len(made)
