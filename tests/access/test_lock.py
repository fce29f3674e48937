from gateway.access.lock import Locks


def test_a_lock_refuses_others_and_names_its_holder() -> None:
    locks = Locks(600)
    assert "" == locks.refusal("M:X", 1, 0)
    assert "" == locks.take("M:X", 1, "a@h", "tuning", 0)
    assert "" == locks.refusal("M:X", 1, 1)
    assert "M:X is locked by a@h: tuning for another 500 s" == locks.refusal("M:X", 2, 100)
    assert "M:X is locked by a@h: tuning for another 500 s" == locks.take("M:X", 2, "b@h", "", 100)
    assert "" == locks.refusal("M:Y", 2, 100)


def test_a_lock_is_given_back_by_its_holder_alone() -> None:
    locks = Locks(600)
    locks.take("M:X", 1, "a@h", "", 0)
    assert "M:X is locked by a@h for another 600 s" == locks.give_back("M:X", 2, 0)
    assert "" == locks.give_back("M:X", 1, 0)
    assert "" == locks.give_back("M:X", 2, 0)
    assert None is locks.holder("M:X", 0)


def test_a_lock_ends_with_its_time_or_its_circuit_or_is_broken() -> None:
    locks = Locks(600)
    locks.take("M:X", 1, "a@h", "", 0)
    assert "" == locks.take("M:X", 2, "b@h", "", 600)
    locks.take("M:Y", 2, "b@h", "", 600)
    locks.take("M:Z", 3, "c@h", "", 600)
    assert ["M:X", "M:Y"] == locks.end(2)
    broken = locks.break_("M:Z")
    assert broken is not None
    assert ("c@h", None) == (broken.who, locks.break_("M:Z"))
