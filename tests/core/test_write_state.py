"""gateway/core/write_state.py: the life of a write, as one table."""

import pytest

from gateway.core.write_state import TABLE, WriteEvent, WriteState, after


def test_a_write_that_is_confirmed_passes_through_pending_and_accepted() -> None:
    state, seen = WriteState.IDLE, []
    for event in (WriteEvent.QUEUED, WriteEvent.BACKEND_ACCEPTED, WriteEvent.READBACK_NEAR):
        state = after(state, event)
        seen.append(state)
    assert seen == [WriteState.PENDING, WriteState.ACCEPTED, WriteState.VERIFIED]


def test_a_readback_that_stays_away_leaves_the_write_unconfirmed() -> None:
    assert after(WriteState.ACCEPTED, WriteEvent.READBACK_FAR) is WriteState.UNCONFIRMED


def test_a_write_that_the_backend_did_not_take_has_failed() -> None:
    assert after(WriteState.PENDING, WriteEvent.BACKEND_FAILED) is WriteState.FAILED


def test_a_write_that_the_service_does_not_allow_is_denied() -> None:
    assert after(WriteState.PENDING, WriteEvent.BACKEND_DENIED) is WriteState.DENIED


@pytest.mark.parametrize("state", WriteState)
def test_a_new_write_may_be_queued_in_every_state(state: WriteState) -> None:
    assert after(state, WriteEvent.QUEUED) is WriteState.PENDING


@pytest.mark.parametrize("state", WriteState)
def test_a_refusal_here_is_denied_unless_another_write_is_under_way(state: WriteState) -> None:
    expected = WriteState.PENDING if state is WriteState.PENDING else WriteState.DENIED
    assert after(state, WriteEvent.REFUSED_HERE) is expected


def test_a_step_that_cannot_happen_is_an_error() -> None:
    with pytest.raises(KeyError):
        after(WriteState.IDLE, WriteEvent.BACKEND_ACCEPTED)


def test_every_state_can_be_reached_from_idle() -> None:
    reached = {WriteState.IDLE}
    for _ in WriteState:
        reached |= {follows for (state, _), follows in TABLE.items() if state in reached}
    assert reached == set(WriteState)


def test_the_numbers_are_those_of_the_enum_that_clients_see() -> None:
    names = ["IDLE", "PENDING", "ACCEPTED", "VERIFIED", "UNCONFIRMED", "DENIED", "FAILED"]
    assert names == [WriteState(number).name for number in range(len(WriteState))]
