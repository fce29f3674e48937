import math

import pytest

from gateway.backends.acl_batches import MOST, Asked, Batches
from gateway.backends.acl_session import CallFailed, SessionLost, TimedOut
from gateway.core.status import DISCONNECTED, REQTMO, RETRY, Status
from gateway.wire.acl import Command, Kind
from gateway.wire.acl_answers import Answer, Failure
from tests.backends.scripted_session import ScriptedSession, interpreter, value
from tests.support.clock import ManualClock

NOREC = Status(16, -20)


def commands(count: int, first: int = 0) -> list[Command]:
    return [Command(f"read X:N{number:03}", f"X:N{number:03}") for number in range(first, first + count)]


def ask(session: ScriptedSession, wishes: list[Command]) -> Asked:
    return Batches(session, ManualClock()).ask(wishes, math.inf, 5.0)


def good(asked: Asked) -> dict[str, float]:
    return {c.device: float(a.value) for c, a in asked.results.items() if isinstance(a, Answer)}  # type: ignore[arg-type]


def failures(asked: Asked) -> dict[str, Status]:
    return {c.device: f.status for c, f in asked.results.items() if isinstance(f, Failure)}


def test_many_commands_go_in_few_calls_and_equal_ones_once() -> None:
    session = ScriptedSession(interpreter())
    asked = ask(session, commands(250) + commands(250))
    assert [len(call) for call in session.calls] == [MOST, MOST, 50]
    assert good(asked) == {f"X:N{number:03}": float(number) for number in range(250)}
    assert asked.spoilers == ()


def test_no_script_is_longer_than_it_may_be() -> None:
    session = ScriptedSession(interpreter(), longest=100)
    ask(session, commands(30))
    assert all(sum(session.length(command) for command in call) <= 100 for call in session.calls)
    assert [len(call) for call in session.calls] == [7, 7, 7, 7, 2]


def test_a_command_that_is_too_long_alone_is_asked_alone() -> None:
    session = ScriptedSession(interpreter(), longest=5)
    assert len(good(ask(session, commands(3)))) == 3
    assert [len(call) for call in session.calls] == [1, 1, 1]


def test_one_bad_device_of_three_hundred_costs_two_calls_when_it_is_named() -> None:
    session = ScriptedSession(interpreter("X:N142"))
    asked = ask(session, commands(300))
    assert len(good(asked)) == 299
    assert failures(asked) == {"X:N142": NOREC}
    assert [command.device for command in asked.spoilers] == ["X:N142"]
    assert len(session.calls) == 3 + 2


@pytest.mark.parametrize("bad", ["X:N100", "X:N142", "X:N199"])
def test_one_bad_device_of_three_hundred_costs_a_bisection_when_it_is_not_named(bad: str) -> None:
    session = ScriptedSession(interpreter(bad, names=False))
    asked = ask(session, commands(300))
    assert (len(good(asked)), failures(asked)) == (299, {bad: NOREC})
    assert len(session.calls) <= 3 + 2 * math.ceil(math.log2(MOST))


def test_many_bad_devices_cost_two_calls_each_and_spoil_none() -> None:
    bad = [f"X:N{number:03}" for number in range(0, 100, 10)]
    session = ScriptedSession(interpreter(*bad))
    asked = ask(session, commands(100))
    assert (len(good(asked)), set(failures(asked))) == (90, set(bad))
    assert len(session.calls) == 1 + 2 * len(bad)


def test_a_device_that_is_named_and_is_not_the_culprit_is_read_nevertheless() -> None:
    def liar(wishes):
        if any("X:N003" in one for one in wishes):
            return "Invalid device name (X:N001) in read at line 1 - DBM_NOREC"
        return "\n".join(map(value, wishes))

    asked = ask(ScriptedSession(liar), commands(8))
    assert (len(good(asked)), failures(asked)) == (7, {"X:N003": NOREC})


def test_all_commands_of_the_device_that_is_named_are_taken_apart() -> None:
    session = ScriptedSession(interpreter("X:N005"))
    twice = [*commands(10), Command("read/raw X:N005", "X:N005")]
    asked = ask(session, twice)
    assert len(asked.spoilers) == 2
    assert len(session.calls) == 1 + 1 + 1 + 2


def test_who_waits_for_an_event_has_a_call_alone() -> None:
    session = ScriptedSession(interpreter())
    waiting = Command("read/pendwait X:N007", "X:N007", waits=True)
    ask(session, [*commands(3), waiting, *commands(3, 10)])
    assert [len(call) for call in session.calls] == [6, 1]


def test_a_service_that_fails_is_not_asked_for_each_device() -> None:
    session = ScriptedSession(lambda _: CallFailed("HTTP 500 from here"))
    asked = ask(session, commands(300))
    assert set(failures(asked).values()) == {RETRY}
    assert (len(asked.results), asked.spoilers) == (300, ())
    assert len(session.calls) == 8


@pytest.mark.parametrize("text", ["<html>Service error</html>", ""])
def test_a_page_or_nothing_in_place_of_answers_is_not_asked_for_each_device(text: str) -> None:
    session = ScriptedSession(lambda _: text)
    asked = ask(session, commands(300))
    assert (len(asked.results), len(session.calls)) == (300, 8)
    assert all(isinstance(found, Failure) for found in asked.results.values())


def test_one_device_at_which_the_service_fails_is_found() -> None:
    def answer(wishes):
        return CallFailed("HTTP 500 from here") if "read X:N000" in wishes else "\n".join(map(value, wishes))

    asked = ask(ScriptedSession(answer), commands(100))
    assert (len(good(asked)), failures(asked)) == (99, {"X:N000": RETRY})
    assert [command.device for command in asked.spoilers] == ["X:N000"]


def test_a_lost_session_ends_the_asking() -> None:
    session = ScriptedSession(lambda _: SessionLost("gone"))
    asked = ask(session, commands(300))
    assert (set(failures(asked).values()), len(session.calls)) == ({DISCONNECTED}, 1)
    assert asked.spoilers == ()


def test_a_call_that_times_out_is_not_repeated_and_the_next_time_it_is_halved() -> None:
    def answer(wishes):
        return TimedOut("no answer in time") if "read X:N003" in wishes else "\n".join(map(value, wishes))

    session = ScriptedSession(answer)
    batches = Batches(session, ManualClock())
    found = [set(failures(batches.ask(commands(8), math.inf, 5.0))) for _ in range(4)]
    assert [len(one) for one in found] == [8, 4, 2, 1]
    assert len(session.calls) <= 1 + 2 + 3 + 3  # once a poll, and the slow ones apart
    asked = batches.ask(commands(8), math.inf, 5.0)
    assert failures(asked) == {"X:N003": REQTMO}
    assert [command.device for command in asked.spoilers] == ["X:N003"]


def test_a_service_that_hangs_costs_two_calls() -> None:
    session = ScriptedSession(lambda _: TimedOut("no answer in time"))
    asked = ask(session, commands(300))
    assert (set(failures(asked).values()), len(session.calls), asked.spoilers) == ({REQTMO}, 2, ())


def test_who_is_not_reached_by_the_deadline_has_a_timeout() -> None:
    clock = ManualClock()

    def answer(wishes):
        clock.advance(1.0)
        return "\n".join(map(value, wishes))

    batches = Batches(ScriptedSession(answer), clock)
    asked = batches.ask(commands(300), clock.monotonic() + 2.0, 5.0)
    assert (len(good(asked)), set(failures(asked).values())) == (200, {REQTMO})


def test_a_value_that_is_not_understood_spoils_only_itself() -> None:
    def answer(wishes):
        return "\n".join("X:N001 = nonsense" if "N001" in one else value(one) for one in wishes)

    wishes = [Command("read X:N001", "X:N001", Kind.BOOLEAN), *commands(3, 5)]
    session = ScriptedSession(answer)
    asked = ask(session, wishes)
    assert (len(good(asked)), set(failures(asked)), asked.spoilers, len(session.calls)) == (3, {"X:N001"}, (), 1)


def test_the_newest_trouble_is_kept() -> None:
    batches = Batches(ScriptedSession(lambda _: SessionLost("gone")), ManualClock())
    batches.ask(commands(1), math.inf, 5.0)
    assert batches.last_error == (1000.0, "gone")
