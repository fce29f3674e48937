"""What the running gateway says of the moment, judged layer by layer."""

from dataclasses import replace
from math import inf

import pytest

from gateway.access.judge import LEASE_NEEDED
from gateway.access.step import StepLimit
from gateway.config.gateway_section import GatewaySection
from gateway.plan.family import find
from gateway.plan.live import Judgement, Live, Moment, audit, lease, lock, queue, rate, step
from gateway.plan.model import DevicePlan, PvSpec, PvType
from tests.plan.planning import planned

PLAN = planned("{device: 'Z:ACLTST', writable: true, units: A}")
DEVICE = PLAN.devices["Z:ACLTST"]


def setpoint() -> PvSpec:
    found = find(PLAN, "Z:ACLTST:SP")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("user", "live", "passes", "reason"),
    [
        ("alice", None, None, "refused while another client holds Z:ACLTST:LOCK"),
        ("alice", Live(), True, "Z:ACLTST:LOCK is free"),
        ("alice", Live("bob@pc", "tuning", 60), False, "Z:ACLTST is locked by bob@pc: tuning for another 60 s"),
        ("", Live("bob@pc", "", 60), False, "Z:ACLTST is locked by bob@pc for another 60 s"),
        ("bob", Live("bob@pc", "", 60), None,
         "Z:ACLTST is locked by bob@pc for another 60 s; passes on the circuit that took it, and on no other"),
    ],
)  # fmt: skip
def test_a_lock_holds_off_all_but_its_circuit(user: str, live: Live | None, passes: bool | None, reason: str) -> None:
    assert lock(DEVICE, user, live) == Judgement("lock", passes, reason)


@pytest.mark.parametrize(
    ("user", "live", "passes", "reason"),
    [
        ("alice", None, None, "needs a lease: put minutes to GW1:LEASE first"),
        ("alice", Live(), False, LEASE_NEEDED),
        ("alice", Live(leases=("bob@pc 60 s",)), False, LEASE_NEEDED),
        ("bob", Live(leases=("bob@pc 60 s",)), None,
         "bob@pc 60 s left; passes on the circuit that put to GW1:LEASE, and on no other"),
        ("", Live(leases=("bob@pc 60 s", "eve@pc 5 s")), None,
         "bob@pc 60 s, eve@pc 5 s left; passes on the circuit that put to GW1:LEASE, and on no other"),
    ],
)  # fmt: skip
def test_a_lease_is_of_who_has_one(user: str, live: Live | None, passes: bool | None, reason: str) -> None:
    (found,) = lease(GatewaySection.model_validate({"lease": "on"}), user, live)
    assert found == Judgement("lease", passes, reason)


def test_where_no_lease_is_needed_nothing_is_said_of_it() -> None:
    assert [] == list(lease(GatewaySection(), "alice", Live()))


@pytest.mark.parametrize(
    ("limit", "value", "live", "passes", "reason"),
    [
        (StepLimit(2, inf), 5.0, None, None, "the largest change of a put 2 A, from what the front end holds"),
        (StepLimit(2, inf), None, Live(held=5.0), None,
         "the largest change of a put 2 A, from what the front end holds"),
        (StepLimit(2, inf), 5.0, Live(held=4.0), True, "the largest change of a put 2 A"),
        (StepLimit(2, 1), 4.5, Live(held=4.0), None, "the largest change of a put 2 and of a second 1 A"),
        (StepLimit(2, inf), 9.0, Live(held=4.0), False, "a change of 5 A from 4 is more than the largest step, 2"),
        (StepLimit(2, inf), 9.0, Live(), False,
         "its step is limited and what it holds is not known yet; wait for its first readback"),
    ],
)  # fmt: skip
def test_a_step_is_measured_from_what_is_held(
    limit: StepLimit, value: float | None, live: Live | None, passes: bool | None, reason: str
) -> None:
    device: DevicePlan = replace(DEVICE, step=limit)
    assert [Judgement("step and slew", passes, reason)] == list(step(setpoint(), device, value, live))
    assert [] == list(step(replace(setpoint(), type=PvType.LONG), device, value, live))


def test_a_device_without_a_largest_step_has_no_such_layer() -> None:
    assert [] == list(step(setpoint(), DEVICE, 5.0, Live(held=4.0)))


LIMITS = {"puts_per_client": 5, "puts_per_pv": 0, "puts_total": 9}
MAY = "refused after so many puts in a second: 5 of one client, 9 of all"
CLIENTS = {"alice@pc": ["five", ""], "bob@pc": ["five"], "bob@mac": ["five"], "eve@pc": ["", "five"]}


@pytest.mark.parametrize(
    ("user", "live", "passes", "reason"),
    [
        ("bob", None, None, MAY),
        ("bob", Live(), None, MAY),  # there was too much to tell
        ("bob", Live(moment=Moment()), True, MAY),
        ("bob", Live(moment=Moment({"Z:ACLTST:SP": "the PV has had 1"})), False, "the PV has had 1"),
        ("bob", Live(moment=Moment({"M:OTHER:SP": "the PV has had 1"})), True, MAY),
        ("bob", Live(moment=Moment(gateway="all of it")), False, "all of it"),
        ("bob", Live(moment=Moment(clients=CLIENTS)), False, "five"),
        ("", Live(moment=Moment(clients=CLIENTS)), True, MAY),
        ("carl", Live(moment=Moment(clients=CLIENTS)), True, MAY),
        ("alice", Live(moment=Moment(clients=CLIENTS)), None, "five, on 1 of 2 circuits of alice"),
        ("eve", Live(moment=Moment(clients=CLIENTS, gateway="all of it")), False, "all of it"),
    ],
)
def test_how_often_puts_may_come_is_told_for_the_moment(
    user: str, live: Live | None, passes: bool | None, reason: str
) -> None:
    section = GatewaySection.model_validate({"limits": LIMITS})
    assert [Judgement("rate", passes, reason)] == list(rate(section, setpoint(), user, live))


def test_without_limits_nothing_is_said_of_rates() -> None:
    section = GatewaySection.model_validate({"limits": dict.fromkeys(LIMITS, 0)})
    assert [] == list(rate(section, setpoint(), "bob", Live(moment=Moment())))


def test_a_full_queue_is_told_where_the_gateway_was_asked() -> None:
    assert [] == list(queue(DEVICE, None)) == list(queue(DEVICE, Live()))
    assert [Judgement("queue", True, "there is room in its queue")] == list(queue(DEVICE, Live(moment=Moment())))
    full = Live(moment=Moment(devices={"Z:ACLTST": "1 settings wait already"}))
    assert [Judgement("queue", False, "1 settings wait already")] == list(queue(DEVICE, full))


def test_how_fast_a_value_may_change_is_told_by_when_it_was_set_last() -> None:
    device = replace(DEVICE, step=StepLimit(inf, 2))
    (slow,) = step(setpoint(), device, 5.5, Live(held=4.0, moment=Moment()))
    (fast,) = step(setpoint(), device, 5.5, Live(held=4.0, moment=Moment(accepted={"Z:ACLTST": 0.5})))
    assert (True, False) == (slow.passes, fast.passes)
    assert "a change of 1.5 A from 4 is faster than 2 in a second" == fast.reason


@pytest.mark.parametrize(
    ("required", "live", "said"),
    [
        ("off", Live(), []),
        ("on", None, [Judgement("audit", None, "refused while the journal of puts cannot be written")]),
        ("on", Live(), [Judgement("audit", True, "the journal of puts is written")]),
        ("on", Live(journal="no disk"), [Judgement("audit", False, "no disk")]),
    ],
)
def test_a_journal_that_is_required_refuses_while_it_cannot_be_written(
    required: str, live: Live | None, said: list[Judgement]
) -> None:
    section = GatewaySection.model_validate({"audit": {"file": "p", "required": required}})
    assert said == list(audit(section, live))
    assert [] == list(audit(GatewaySection(), live))


def test_where_a_put_was_accepted_a_moment_ago_the_readback_may_not_have_followed() -> None:
    device = replace(DEVICE, step=StepLimit(2, inf))
    (near,) = step(setpoint(), device, 5.5, Live(held=4.0, moment=Moment(accepted={"Z:ACLTST": 0.5})))
    (far,) = step(setpoint(), device, 9.5, Live(held=4.0, moment=Moment(accepted={"Z:ACLTST": 0.5})))
    assert (None, False) == (near.passes, far.passes)
