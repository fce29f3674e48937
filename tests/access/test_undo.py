import pytest

from gateway.access.undo import Step, undo_of


def row(device: str, old: str, new: str, user: str = "alice", at: int = 1, **more: object) -> dict[str, object]:
    return {
        "device": device, "pv": f"{device}:SP", "old": old, "new": new, "user": user, "host": "pc",
        "address": "127.0.0.1",
        "layer": "", "outcome": "ACCEPTED", "time_ns": at, **more,
    }  # fmt: skip


def test_what_the_user_has_set_goes_back_to_what_it_was_newest_first() -> None:
    rows = [row("A", "1.0", "2.0", at=1), row("B", "5.0", "6.0", at=2), row("A", "2.0", "3.0", at=3)]
    assert [Step("A:SP", "A", "3.0", "1.0"), Step("B:SP", "B", "6.0", "5.0")] == undo_of(rows, "alice", 0)


def test_what_came_before_was_refused_or_failed_does_not_count() -> None:
    rows = [
        row("A", "0.0", "1.0", at=1),
        row("A", "1.0", "9.0", at=5, layer="limits", outcome="DENIED"),
        row("A", "1.0", "9.0", at=6, outcome="FAILED"),
        row("A", "1.0", "2.0", at=7, outcome="VERIFIED"),
        row("", "", "10", at=8),
    ]
    assert [Step("A:SP", "A", "2.0", "1.0")] == undo_of(rows, "alice", 2)


def test_what_somebody_else_has_set_since_stays() -> None:
    rows = [row("A", "1.0", "2.0"), row("A", "2.0", "3.0", user="bob", at=2), row("B", "1.0", "2.0", user="bob", at=3)]
    (step,) = undo_of(rows, "alice", 0)
    assert (False, "bob@pc has set it since") == (step.possible, step.reason)


def test_what_somebody_else_had_set_before_is_what_it_goes_back_to() -> None:
    rows = [row("A", "1.0", "2.0", user="bob"), row("A", "2.0", "3.0", at=2)]
    assert [Step("A:SP", "A", "3.0", "2.0")] == undo_of(rows, "alice", 0)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [("", "ON", "what it was before is not known"), ("[1. 2.]", "[3. 4.]", "the journal holds no single number of it")],
)
def test_what_the_journal_cannot_tell_stays(old: str, new: str, reason: str) -> None:
    (step,) = undo_of([row("A", old, new, user="", host="", time_ns="?")], "", 0)
    assert reason == step.reason
    (other,) = undo_of([row("A", old, new), row("A", old, new, user="", host="")], "alice", 0)
    assert "unknown@127.0.0.1 has set it since" == other.reason
