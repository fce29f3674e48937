import itertools

import pytest

from gateway.core.errors import ProtocolError
from gateway.wire.dmq_states import TABLE, Job, Kind, State, Timers, What

ENTRIES = ("M:OUTTMP.READING@I",)


def job(kind: Kind, state: State = State.NEW) -> Job:
    made = Job(kind, ENTRIES, 0.0, Timers(5.0, 30.0))
    made.state = state
    return made


@pytest.mark.parametrize(("kind", "state", "what"), list(itertools.product(Kind, State, What)))
def test_what_the_table_has_not_is_not_sent_and_means_nothing(kind: Kind, state: State, what: What) -> None:
    sender, receiver = job(kind, state), job(kind, state)
    if (following := TABLE[kind].get((state, what))) is None:
        with pytest.raises(ProtocolError, match=state.value):
            sender.sends(what)
        assert not receiver.takes(what)
        assert sender.state is receiver.state is state
    else:
        sender.sends(what)
        assert receiver.takes(what)
        assert sender.state is receiver.state is following


def test_heartbeats_and_silence_have_their_times() -> None:
    one = job(Kind.READING, State.ASKED)
    assert (one.due, one.beats(4.9), one.beats(5.0), one.beats(5.1), one.due) == (5.0, False, True, False, 10.0)
    assert (one.rhythm, one.silence) == (5.0, 30.0)
    assert (one.lost(29.9), one.lost(30.0)) == (False, True)
    one.restart(8.0)
    assert one.due == 13.0
    assert (one.lost(37.9), one.lost(38.0)) == (False, True)


@pytest.mark.parametrize("state", [State.NEW, State.OVER])
def test_a_job_that_is_not_there_has_no_heartbeat(state: State) -> None:
    assert not job(Kind.SETTING, state).beats(100.0)
