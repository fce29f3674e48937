from gateway.access.rate import RateLimit, Rates

NONE = RateLimit(0)


def test_the_eleventh_put_in_a_window_is_refused_and_the_first_after_it_passes() -> None:
    rates = Rates(RateLimit(10, 1.0), NONE, NONE)
    for n in range(10):
        assert "" == rates.refusal("a", "X:SP", n * 0.01)
        rates.count("a", "X:SP", n * 0.01)
    assert "the client has had 10 in 1 s; try again in 0.5 s" == rates.refusal("a", "Y:SP", 0.5)
    assert "" == rates.refusal("b", "X:SP", 0.5)
    assert "" == rates.refusal("a", "X:SP", 1.0)


def test_a_pv_and_the_gateway_have_limits_of_their_own() -> None:
    rates = Rates(NONE, RateLimit(1, 2.0), RateLimit(2, 1.0))
    rates.count("a", "X:SP", 0.0)
    assert rates.refusal("b", "X:SP", 1.0).startswith("the PV has had 1 in 2 s")
    rates.count("b", "Y:SP", 0.0)
    assert rates.refusal("c", "Z:SP", 0.5).startswith("the gateway has had 2 in 1 s")


def test_who_has_been_quiet_is_forgotten() -> None:
    rates = Rates(RateLimit(5, 1.0), RateLimit(5, 1.0), NONE)
    for n in range(1000):
        rates.count(n, f"{n}:SP", 0.0)
    rates.count("late", "L:SP", 100.0)
    assert 2 == len(rates)


def test_who_may_not_put_now_is_told_with_the_reason_that_a_put_would_have() -> None:
    rates = Rates(RateLimit(2, 1.0), RateLimit(1, 1.0), RateLimit(3, 1.0))
    rates.count("a", "X:SP", 0.0)
    rates.count("a", "Y:SP", 0.5)
    assert {("PV", "Y:SP"), ("client", "a"), ("PV", "X:SP")} == set(rates.used_up(0.5))
    assert rates.used_up(0.5)["PV", "X:SP"] == rates.refusal("b", "X:SP", 0.5)
    assert {("PV", "Y:SP")} == set(rates.used_up(1.0))
    assert {} == rates.used_up(2.0)
