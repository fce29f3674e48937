"""What the policies of a site are told of a put, which puts they may change, and what they would say."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gateway.access.judge import Layer
from gateway.access.policy import Policy, PutAsked, rule
from gateway.access.rules import Client
from gateway.core.drf import Property
from gateway.plan.live import Judgement, Live
from gateway.plan.model import DevicePlan, PvSpec
from gateway.plan.wished import of_value, sent, wrong_type


def asked_of(spec: PvSpec, value: Any, held: Any) -> PutAsked:
    """A put to a PV; `held` is what its front end holds, as far as that is known."""
    known = held if isinstance(held, float | np.ndarray | str | bytes | tuple) else None
    return PutAsked(spec.name, spec.device, str(spec.write or ""), value, known, spec.units)


def fixed(spec: PvSpec) -> str:
    """Why the value of a put cannot be changed; empty where it can: a command is another one, never a little less."""
    of_setting = spec.write is not None and spec.write.property is Property.SETTING
    return "" if of_setting else f"{spec.name} is no setting: it can be allowed or denied"


def of_policies(
    policies: Sequence[Policy],
    spec: PvSpec,
    device: DevicePlan,
    value: Any,
    client: Client,
    now_ns: int,
    answers: Live | None,
) -> Iterator[Judgement]:
    """What policies say of a put before it comes: they are pure, so they can be asked.

    What they change is judged again.
    """
    if value is None or wrong_type(spec, value):
        names = ", ".join(policy.name for policy in policies)
        yield Judgement(Layer.POLICY.value, None, f"depends on the value; asks {names}")
        return
    held = answers.held if answers is not None else None
    value = sent(spec, device, value, answers)  # limits that clamp come first
    ruling = rule(policies, asked_of(spec, value, held), client, now_ns, fixed(spec))
    if ruling.denied:
        layer = Layer.POLICY_ERROR if ruling.broken else Layer.POLICY
        yield Judgement(layer.value, False, ruling.denied)
        return
    yield Judgement(Layer.POLICY.value, True, "; ".join(ruling.said))
    yield from of_value(spec, device, ruling.value, answers) if ruling.changes else ()
