"""The order of judgement: may this put be sent, and if not, which layer refuses and why (house.md 6).

Every step is a function of the wish and the rules; nothing is counted or changed here. `Rules.passed` is called for
what was let through. The policies of the site (policy.py) are asked after all steps; a value that they have changed
is judged `OF_THE_VALUE` once more, so that no policy gets anything past limits and steps.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Network

from gateway.access.acf import Access, AccessFile
from gateway.access.lease import Leases
from gateway.access.lock import Locks
from gateway.access.policy import Policy
from gateway.access.rate import Rates
from gateway.access.rules import Client, Input, decide, why_not
from gateway.access.step import NO_LIMIT, Numbers, StepLimit, too_far

_OFF = "the gateway takes no puts: gateway.writes is off"
LEASE_NEEDED = "settings are not enabled for this client; put the minutes you need to the LEASE of the gateway"
_REMEDY = "say 'writable: true' of its device where it shall be"


class Layer(Enum):
    """Who refuses, in the order in which they are asked."""

    WRITES = "writes"
    DEVICE = "device"
    NETWORK = "network"
    ACCESS = "access security"
    LOCK = "lock"
    LEASE = "lease"
    VALUE = "type and length"
    LIMITS = "limits"
    STEP = "step and slew"
    RATE = "rate"
    AUDIT = "audit"
    POLICY = "policy"
    POLICY_ERROR = "policy error"
    QUEUE = "queue"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A put that is not sent."""

    layer: Layer
    reason: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.layer.value})"


@dataclass(frozen=True, slots=True)
class Wish:
    """A put that is asked for. Texts about the value are computed by whoever knows the PV; empty: nothing is wrong."""

    pv: str
    device: str
    writable: bool  # whether the plan lets anybody set the PV
    client: Client
    circuit: Hashable  # of the client
    now: float  # s of a monotonic clock
    group: str = "DEFAULT"  # ASG
    level: int = 0  # security level of the field
    misfit: str = ""  # why the value has not the type or length of the PV
    beyond: str = ""  # why it is outside of the limits
    wished: Numbers = 0.0
    confirmed: Numbers | None = None  # what the front end was seen to hold last
    soon: tuple[Numbers, ...] = ()  # what it may hold by then: puts of the device that no readback has shown yet
    elapsed: float = 0.0  # s since the last accepted put of the device, or since the start
    step: StepLimit = NO_LIMIT
    units: str = ""


@dataclass(slots=True)
class Rules:
    """What holds now; `file` and `value_of` may be replaced while the gateway runs."""

    writes: bool
    leases: Leases
    locks: Locks
    rates: Rates
    networks: tuple[IPv4Network, ...] = ()  # that may set; empty: all that may connect
    file: AccessFile | None = None
    value_of: Input = field(default=lambda _: None)  # inputs of the access file
    lease_needed: bool = False
    audit: Callable[[], str] = field(default=lambda: "")  # why nothing can be recorded
    policies: tuple[Policy, ...] = ()  # asked about what these steps let through, in order

    def access(self, group: str, level: int, client: Client) -> Access:
        """What access security lets a client do; without a file there is none that forbids."""
        return decide(self.file, group, level, client, self.value_of).access if self.file else Access.WRITE

    def passed(self, wish: Wish) -> None:
        """Count a put that was let through."""
        self.rates.count(wish.circuit, wish.pv, wish.now)


def _network(wish: Wish, rules: Rules) -> str:
    if not rules.networks or any(IPv4Address(wish.client.address) in network for network in rules.networks):
        return ""
    return f"{wish.client.address} is in no network of gateway.allow_write"


def _access(wish: Wish, rules: Rules) -> str:
    return why_not(rules.file, wish.group, wish.level, wish.client, rules.value_of) if rules.file else ""


def _lock(wish: Wish, rules: Rules) -> str:
    return rules.locks.refusal(wish.device, wish.circuit, wish.now)


def _lease(wish: Wish, rules: Rules) -> str:
    if not rules.lease_needed or rules.leases.left(wish.circuit, wish.now) > 0:
        return ""
    return LEASE_NEEDED


def _step(wish: Wish, _: Rules) -> str:
    """Too far from what is held, or may be soon: puts that come one after the other make no larger step."""
    for held in (wish.confirmed, *wish.soon):
        if far := too_far(wish.step, wish.wished, held, wish.elapsed, wish.units):
            return far
    return ""


def _rate(wish: Wish, rules: Rules) -> str:
    return rules.rates.refusal(wish.circuit, wish.pv, wish.now)


Step = Callable[[Wish, Rules], str]
STEPS: tuple[tuple[Layer, Step], ...] = (
    (Layer.WRITES, lambda _, rules: "" if rules.writes else _OFF),
    (Layer.DEVICE, lambda wish, _: "" if wish.writable else f"{wish.pv} is not writable; {_REMEDY}"),
    (Layer.NETWORK, _network),
    (Layer.ACCESS, _access),
    (Layer.LOCK, _lock),
    (Layer.LEASE, _lease),
    (Layer.VALUE, lambda wish, _: wish.misfit),
    (Layer.LIMITS, lambda wish, _: wish.beyond),
    (Layer.STEP, _step),
    (Layer.RATE, _rate),
    (Layer.AUDIT, lambda _, rules: rules.audit()),
)

OF_THE_VALUE = tuple(step for step in STEPS if step[0] in (Layer.VALUE, Layer.LIMITS, Layer.STEP))  # of a changed one


def judge(wish: Wish, rules: Rules, steps: tuple[tuple[Layer, Step], ...] = STEPS) -> Refusal | None:
    """The first refusal, in the order of the steps; None when the put may be queued."""
    for layer, step in steps:
        if reason := step(wish, rules):
            return Refusal(layer, reason)
    return None
