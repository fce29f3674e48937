from gateway.access.budget import WINDOW, Budget


def test_each_has_so_much_in_a_second_and_the_next_second_is_new() -> None:
    budget = Budget(10)

    assert [budget.take("a", 4, 100.0) for _ in range(4)] == [True, True, True, False]
    assert budget.take("b", 4, 100.5)
    assert not budget.take("a", 1, 100.0 + WINDOW / 2)
    assert budget.refused == 2
    assert budget.take("a", 4, 100.0 + WINDOW)


def test_zero_sets_no_limit() -> None:
    budget = Budget(0)

    assert all(budget.take("a", 1000, 100.0) for _ in range(1000))
    assert budget.refused == 0


def test_forged_addresses_are_forgotten_after_a_second() -> None:
    budget = Budget(1)
    for number in range(10_000):
        assert budget.take(number, 1, 100.0 + number)
    assert len(budget._spent) == 1
