from gateway.access.lease import Leases


def test_a_lease_counts_down_and_ends_by_itself() -> None:
    leases = Leases(600)
    assert 60 == leases.grant(1, "a@h", 60, now=100)
    assert [60, 30, 0, 0] == [leases.left(1, now) for now in (100, 130, 160, 161)]
    assert 0 == leases.left(2, 100)
    assert ["a@h"] == [lease.who for lease in leases.holders(159)]
    assert [] == list(leases.holders(160))


def test_a_lease_is_no_longer_than_allowed_is_prolonged_and_given_back() -> None:
    leases = Leases(600)
    assert 600 == leases.grant(1, "a@h", 1e9, now=0)
    leases.grant(1, "a@h", 60, now=590)
    assert 60 == leases.left(1, 590)
    assert 0 == leases.grant(1, "a@h", 0, now=600)
    assert 0 == leases.left(1, 600)
    assert 0 == leases.grant(1, "a@h", -5, now=600)


def test_a_lease_ends_with_its_circuit() -> None:
    leases = Leases(600)
    leases.grant(1, "a@h", 60, now=0)
    leases.end(1)
    leases.end(2)
    assert 0 == leases.left(1, 0)
