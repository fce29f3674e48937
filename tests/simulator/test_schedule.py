import pytest

from gateway.core.drf import DataRequest
from gateway.core.status import OK, UTIME
from simulator.clock_events import next_event
from simulator.facility import Facility, shipped_facility
from simulator.schedule import Schedule, Tick

NOW = 1_700_000_000_000_000_000
MS = 1_000_000
SECOND = 1000 * MS


def schedule(*texts: str, of: Facility | None = None) -> Schedule:
    requests = [(tag, DataRequest.parse(text)) for tag, text in enumerate(texts)]
    return Schedule(of or shipped_facility(), requests, NOW)


def stamps(ticks: list[Tick]) -> list[int]:
    return [(tick.stamp_ns - NOW) // MS for tick in ticks]


def run(of: Schedule, until_ms: int, step_ms: int = 100) -> list[Tick]:
    return [tick for now in range(0, until_ms + 1, step_ms) for tick in of.take(NOW + now * MS)]


def test_a_periodic_request_is_sampled_on_its_own_grid_however_late_it_is_fetched():
    punctual, late = run(schedule("M:OUTTMP@p,250"), 999, 1), run(schedule("M:OUTTMP@p,250"), 999, 333)
    assert [0, 250, 500, 750] == stamps(punctual) == stamps(late)
    assert [tick.values.tolist() for tick in punctual] == [tick.values.tolist() for tick in late]


def test_a_request_that_is_not_immediate_begins_after_one_period():
    assert [500, 1000] == stamps(run(schedule("Z:ACLTST@p,500,f"), 1000))


def test_q_brings_every_sample_as_the_real_server_does():
    assert 5 == len(run(schedule("Z:ACLTST@q,250"), 1000))


def test_i_is_sampled_once_and_n_never():
    of = schedule("Z:ACLTST@I", "Z:ACLTST@N")
    assert [[0]] == [tick.tags.tolist() for tick in run(of, 5000)]
    assert of.next_ns() is None


def test_the_default_event_is_that_of_the_device():
    assert [0, 500, 1000] == stamps(run(schedule("G:LCWFLO"), 1000))
    assert [0] == stamps(run(schedule("Z~ACLTST"), 1000))


@pytest.mark.parametrize("event", ["0F", "02", "1D", "8F"])
def test_a_clock_event_stamps_the_sample_with_its_time_and_delay(event):
    ticks = run(schedule(f"Z:ACLTST@e,{event},e,50"), 12_000, 10)
    expected, at = [], NOW
    while (at := next_event(int(event, 16), at)) + 50 * MS <= NOW + 12 * SECOND:
        expected.append(at + 50 * MS)
    assert expected == [tick.stamp_ns for tick in ticks]


def test_requests_of_one_rhythm_are_sampled_in_one_tick():
    of = shipped_facility()
    of.synthetic(3, 10)
    (tick,) = schedule("Z:ACLTST@p,1000", "S:D00002@P,1S", "B:IRMS06[0:3]@p,1000", "G:MODE@p,1000", of=of).take(NOW)
    assert {0, 1} == set(tick.tags.tolist())
    assert {2, 3} == {single.tag for single in tick.others}


def test_what_is_more_than_a_second_late_is_lost_and_counted():
    of = schedule("Z:ACLTST@p,100", "Z:ACLTS1@p,100")
    of.take(NOW)
    ticks = of.take(NOW + 60 * SECOND)
    assert stamps(ticks)[-1] == 60_000
    assert 600 == len(ticks) + of.skipped // 2
    assert of.skipped > 1000


def test_a_silent_device_answers_late_once_or_again_and_again():
    once = run(schedule("Z:SILENT@I"), 20_000)
    assert [5000] == stamps(once)
    assert (None, UTIME) == (once[0].others[0].value, once[0].others[0].status)
    assert [3500, 7000, 10_500, 14_000, 17_500] == stamps(run(schedule("Z:SILENT@p,1000"), 20_000))
    assert [15_000] == stamps(run(schedule("Z:SILENT@p,60000"), 20_000))


@pytest.mark.parametrize(
    ("op", "value", "states", "hits"),
    [
        ("=", 3, [3, 4, 3], [0, 2]),
        ("!=", 3, [3, 4, 5], [1, 2]),
        ("*", 0, [3, 4, 4], [0, 1]),
        (">", 3, [3, 4, 5], [1, 2]),
        ("<", 3, [2, 3, 1], [0, 2]),
        (">=", 4, [3, 4], [1]),
        ("<=", 3, [3, 4], [0]),
    ],
)
def test_a_state_event_follows_a_transition_after_its_delay(op, value, states, hits):
    of = shipped_facility()
    watching = schedule(f"Z:ACLTST@S,V:MISTAT,{value},200,{op}", of=of)
    ticks: list[Tick] = []
    for place, state in enumerate(states):
        at = NOW + place * SECOND + 10 * MS
        ticks += watching.take(at)
        assert OK == of.write(DataRequest.parse("V:MISTAT").for_writing(), float(state), at)
    ticks += watching.take(NOW + len(states) * SECOND)
    assert [place * 1000 + 250 for place in hits] == stamps(ticks)
