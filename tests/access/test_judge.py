from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from gateway.access.acf import Access, parse_acf
from gateway.access.judge import STEPS, Layer, Rules, Wish, judge
from gateway.access.lease import Leases
from gateway.access.lock import Locks
from gateway.access.rate import RateLimit, Rates
from gateway.access.rules import Client
from gateway.access.step import StepLimit

ALICE = Client("alice", "console", "192.0.2.7")
WISH = Wish("M:X:SP", "M:X", True, ALICE, circuit=1, now=100.0, wished=11.0, confirmed=10.0, elapsed=60.0)


def rules(**changed: object) -> Rules:
    none = RateLimit(0)
    made = Rules(True, Leases(600), Locks(600), Rates(none, none, none))
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def locked() -> Locks:
    locks = Locks(600)
    locks.take("M:X", 2, "bob@pc", "tuning", 100.0)
    return locks


def busy() -> Rates:
    rates = Rates(RateLimit(1), RateLimit(0), RateLimit(0))
    rates.count(1, "M:X:SP", 99.9)
    return rates


FILE = parse_acf("UAG(ops) {bob} ASG(DEFAULT) {RULE(1,READ) RULE(1,WRITE){UAG(ops)}}", "a.acf")

CAUSES = [
    (WISH, {"writes": False}, Layer.WRITES, "the gateway takes no puts: gateway.writes is off"),
    (replace(WISH, writable=False), {}, Layer.DEVICE, "M:X:SP is not writable"),
    (WISH, {"networks": (IPv4Network("127.0.0.0/8"),)}, Layer.NETWORK, "192.0.2.7 is in no network of"),
    (WISH, {"file": FILE}, Layer.ACCESS, "a.acf: ASG(DEFAULT) gives alice@console no WRITE: line 1"),
    (WISH, {"locks": locked()}, Layer.LOCK, "M:X is locked by bob@pc: tuning for another 600 s"),
    (WISH, {"lease_needed": True}, Layer.LEASE, "settings are not enabled for this client"),
    (replace(WISH, misfit="takes exactly 3 values, not 1"), {}, Layer.VALUE, "takes exactly 3 values, not 1"),
    (replace(WISH, beyond="takes values to 10"), {}, Layer.LIMITS, "takes values to 10"),
    (replace(WISH, step=StepLimit(step=0.5)), {}, Layer.STEP, "a change of 1 from 10 is more than the largest step"),
    (replace(WISH, step=StepLimit(step=3), soon=(12.0, 15.0)), {}, Layer.STEP, "a change of 4 from 15 is more"),
    (WISH, {"rates": busy()}, Layer.RATE, "the client has had 1 in 1 s; try again in 0.9 s"),
    (WISH, {"audit": lambda: "the journal cannot be written"}, Layer.AUDIT, "the journal cannot be written"),
]  # fmt: skip


def test_a_put_that_nothing_speaks_against_passes_and_is_counted() -> None:
    free = rules(networks=(IPv4Network("192.0.2.0/24"),), rates=Rates(RateLimit(1), RateLimit(0), RateLimit(0)))
    assert None is judge(WISH, free)
    free.passed(WISH)
    refusal = judge(WISH, free)
    assert refusal is not None
    assert Layer.RATE is refusal.layer


@pytest.mark.parametrize(("wish", "changed", "layer", "said"), CAUSES, ids=[cause[2].name for cause in CAUSES])
def test_each_cause_has_its_layer_and_its_text(wish: Wish, changed: dict[str, object], layer: Layer, said: str) -> None:
    refusal = judge(wish, rules(**changed))
    assert refusal is not None
    assert refusal.layer is layer
    assert refusal.reason.startswith(said)
    assert f"{refusal.reason} ({layer.value})" == str(refusal)


def test_the_layers_are_asked_in_their_order() -> None:
    order = [layer for layer, _ in STEPS]
    assert order == [layer for layer in Layer if layer in order]
    everything = rules(**{key: value for _, changed, _, _ in CAUSES for key, value in changed.items()})
    wish = replace(WISH, writable=False, misfit="m", beyond="b", step=StepLimit(step=0.5))
    cures: list[tuple[str, object]] = [
        ("writes", True), ("writable", True), ("networks", ()), ("file", None), ("locks", Locks(600)),
        ("lease_needed", False), ("misfit", ""), ("beyond", ""), ("step", StepLimit()), ("rates", rules().rates),
    ]  # fmt: skip
    met = []
    for name, cure in cures:
        refusal = judge(wish, everything)
        assert refusal is not None
        met.append(refusal.layer)
        if hasattr(wish, name):
            wish = replace(wish, **{name: cure})
        else:
            setattr(everything, name, cure)
    assert order[:-1] == met


def test_a_lease_of_the_circuit_enables_it() -> None:
    needed = rules(lease_needed=True)
    needed.leases.grant(1, "alice@console", 60, 100.0)
    assert None is judge(WISH, needed)
    assert None is not judge(replace(WISH, now=161.0), needed)


def test_without_a_file_access_security_forbids_nothing() -> None:
    assert [Access.WRITE, Access.READ] == [rules(file=file).access("DEFAULT", 0, ALICE) for file in (None, FILE)]
    assert None is rules().value_of("X")
