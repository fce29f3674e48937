"""explain: which backends serve a PV and why, and which layer would refuse a put, and why.

A list of steps that grows with the layers: each is a function of what is asked, and asks nobody; what the running
gateway says of the moment is handed in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from types import MappingProxyType
from typing import Any

from gateway.access.acf import Access, AccessFile
from gateway.access.judge import Layer
from gateway.access.policy import Policy
from gateway.access.rules import Client, decide, why_not
from gateway.config.backend_url import SCHEMES
from gateway.config.config import BackendConfig, Config
from gateway.core.errors import BadInput
from gateway.core.route import Names
from gateway.plan import live
from gateway.plan.alarm_parts import ANALOG, DIGITAL, part_of
from gateway.plan.family import find
from gateway.plan.live import Judgement, Live
from gateway.plan.model import DevicePlan, Plan, PvSpec, Role
from gateway.plan.policies import of_policies
from gateway.plan.wished import of_value

_SETTABLE = frozenset({Role.READING, Role.SETPOINT, Role.COMMAND, Role.ANALOG, Role.DIGITAL})
_TOLD = frozenset(part.name for part in (*ANALOG, *DIGITAL) if not part.field)  # by the front end only


@dataclass(frozen=True, slots=True)
class Choice:
    """Who does one operation for a PV, and why the others do not."""

    operation: str  # read, stream or write
    chosen: str  # name of a backend; empty where none does
    why: str
    passed_over: tuple[tuple[str, str], ...]  # name and reason, of every other backend


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that is known of a PV without asking anybody."""

    spec: PvSpec
    device: DevicePlan
    request: str  # that is acquired, or sent where the PV only sets; empty where it is computed here
    choices: tuple[Choice, ...]
    put: tuple[Judgement, ...]  # every layer, in the order in which they are asked

    @property
    def refusal(self) -> Judgement | None:
        """The first layer that refuses; None when a put would be sent as far as is known here."""
        return next((one for one in self.put if one.passes is False), None)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; `user` and `host` are those of the client, empty where they were not said."""

    config: Config
    plan: Plan
    spec: PvSpec
    device: DevicePlan
    user: str = ""
    host: str = ""
    file: AccessFile | None = None
    troubles: Mapping[str, str] = field(default_factory=dict)
    value: Any = None  # that would be put; None: not said
    live: Live | None = None  # what the running gateway says; None: it was not asked, or did not answer
    policies: Sequence[Policy] = ()  # of the site
    now_ns: int = 0  # for them


def explain(
    config: Config,
    plan: Plan,
    name: str,
    user: str = "",
    host: str = "",
    file: AccessFile | None = None,
    troubles: Mapping[str, str] = MappingProxyType({}),
    value: Any = None,
    answers: Live | None = None,
    policies: Sequence[Policy] = (),
    now_ns: int = 0,
) -> Explanation:
    """The explanation of a PV; BadInput when there is none of that name.

    `file` is the access file, if any; `troubles` say of backends why their services will not know who we are;
    `value` is what would be put; `answers` are those of the running gateway, if it was asked; `policies` are asked
    as if the put came at `now_ns`.
    """
    spec = find(plan, part_of(plan, name.removesuffix(".VAL")))
    if spec is None:
        raise BadInput(f"{name}: {_unknown(plan, name)}")
    device = plan.devices[spec.device]
    question = Question(config, plan, spec, device, user, host, file, troubles, value, answers, policies, now_ns)
    request = plan.watches[spec.row].request if spec.row >= 0 else spec.write
    return Explanation(
        spec,
        device,
        "" if request is None else str(request),
        tuple(_choice(config, device, operation) for operation in ("read", "stream", "write")),
        tuple(judgement for step in _steps(spec) for judgement in step(question)),
    )


def _unknown(plan: Plan, name: str) -> str:
    if name.startswith(f"{plan.gateway}:"):
        return "is of the gateway itself; no device and no backend stands behind it"
    for group in plan.groups:
        if name.startswith(f"GRP:{group.name}:"):
            return f"puts to several devices, each judged as a put of its own; ask for {', '.join(group.members)}"
    near = get_close_matches(name.partition(".")[0], plan.devices, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else "`acgate check` prints every PV"
    return f"no PV of this configuration; {remedy}"


def _choice(config: Config, device: DevicePlan, operation: str) -> Choice:
    names = device.route.write if operation == "write" else device.route.read
    wanted = operation != "write" or device.writable
    if not names or not wanted:
        reason = "the device is not writable" if not wanted else "no backend of its route can write"
        others = tuple((name, _cannot(one, operation) or reason) for name, one in config.backends.items())
        return Choice(operation, "", reason, others)
    first, url = names[0], config.backends[names[0]].url
    place = "the only one of its route" if len(names) == 1 else f"the first of its route ({', '.join(names)})"
    polled = "; polled, the service has no streams" if operation == "stream" and url.capabilities.polled else ""
    others = tuple(
        (name, _passed_over(config.backends[name], names, operation))
        for name in (*names[1:], *(name for name in config.backends if name not in names))
    )
    return Choice(operation, first, f"{place}{polled}", others)


def _passed_over(backend: BackendConfig, names: Names, operation: str) -> str:
    if backend.name not in names:
        return _cannot(backend, operation) or "is not in the route of the device"
    before = " and ".join(names[: names.index(backend.name)])
    if operation == "write":
        return f"is asked when {before} cannot be reached and nothing was sent"
    return f"takes over when {before} {'are' if ' and ' in before else 'is'} lost"


def _cannot(backend: BackendConfig, operation: str) -> str:
    can = backend.url.capabilities
    able = {"read": can.read, "stream": can.watch, "write": can.write}[operation]
    return "" if able else f"{backend.url.scheme} cannot {operation}"


def _writes(question: Question) -> Iterator[Judgement]:
    on = question.plan.writes
    reason = "gateway.writes is on" if on else "the gateway takes no puts: gateway.writes is off"
    yield Judgement(Layer.WRITES.value, on, reason)


def _device(question: Question) -> Iterator[Judgement]:
    spec = question.spec
    if spec.role not in _SETTABLE or (spec.level and spec.part in _TOLD):
        yield Judgement(Layer.DEVICE.value, False, f"{spec.name} only shows; what can be set is {_settable(question)}")
    elif spec.writable:
        yield Judgement(Layer.DEVICE.value, True, f"writable, {question.device.place}; sends {spec.write}")
    elif question.device.writable and spec.role in (Role.ANALOG, Role.DIGITAL):
        remedy = f"say 'alarms_writable: true' in {question.device.place} where they shall be"
        yield Judgement(Layer.DEVICE.value, False, f"its alarms are not writable; {remedy}")
    elif question.device.writable:
        yield Judgement(Layer.DEVICE.value, False, f"{spec.device} has no SETTING that a put could mean")
    else:
        reason = f"not writable; say 'writable: true' in {question.device.place} where it shall be"
        yield Judgement(Layer.DEVICE.value, False, reason)


def _settable(question: Question) -> str:
    device = question.device
    names = [f"{device.name}:{Role.SETPOINT.value}"] if device.setting_row >= 0 else []
    names += [f"{device.name}:{Role.COMMAND.value}"] if device.info.commands else []
    for row, block in ((device.analog_row, Role.ANALOG), (device.digital_row, Role.DIGITAL)):
        names += [f"{device.name}:{block.value}ENABLE"] if row >= 0 else []
    return " or ".join(names) or "nothing of this device"


def _network(question: Question) -> Iterator[Judgement]:
    section = question.config.gateway
    if not section.allow and not section.allow_write:
        yield Judgement(Layer.NETWORK.value, True, "gateway.allow names no network: all who reach the interfaces")
    for key, networks, what in (("allow", section.allow, "connect"), ("allow_write", section.allow_write, "set")):
        if networks:
            yield _inside(question.host, f"gateway.{key}", networks, what)


def _inside(host: str, key: str, networks: tuple[str, ...], what: str) -> Judgement:
    listed = ", ".join(networks)
    try:
        address = IPv4Address(host)
    except AddressValueError:
        said = f"{host!r} is no address" if host else "no address was said"
        return Judgement(Layer.NETWORK.value, None, f"{said}; {key} lets {listed} {what}")
    inside = any(address in IPv4Network(network, strict=False) for network in networks)
    return Judgement(Layer.NETWORK.value, inside, f"{host} {'is in' if inside else 'is in none of'} {key} ({listed})")


def _access(question: Question) -> Iterator[Judgement]:
    file, group = question.file, question.device.group
    if file is None:
        yield Judgement(Layer.ACCESS.value, True, f"there is no access file: {question.user or 'every user'} may")
        return
    client = Client(question.user, question.host, question.host)
    value_of = _value_of(question)
    decision = decide(file, group, question.spec.level, client, value_of)
    if decision.access is Access.WRITE:
        yield Judgement(Layer.ACCESS.value, True, f"{decision.place} gives {question.user or 'everybody'} WRITE")
        return
    reason = why_not(file, group, question.spec.level, client, value_of)
    asked = question.live is not None and question.live.inputs is not None
    # what only an input forbids is not known where nobody was asked
    yield Judgement(Layer.ACCESS.value, None if "a valid value of" in reason and not asked else False, reason)


def _value_of(question: Question) -> Callable[[str], float | None]:
    """The values of inputs as the running gateway has them; none where it was not asked."""
    inputs = question.live.inputs if question.live is not None else None
    return inputs.get if inputs is not None else lambda _: None


def _states(question: Question) -> Iterator[Judgement]:
    if question.spec.writable:
        yield live.lock(question.device, question.user, question.live)
        yield from live.lease(question.config.gateway, question.user, question.live)


def _moment(question: Question) -> Iterator[Judgement]:
    if question.spec.writable:
        yield from live.rate(question.config.gateway, question.spec, question.user, question.live)
        yield from live.audit(question.config.gateway, question.live)


def _queue(question: Question) -> Iterator[Judgement]:
    if question.spec.writable:
        yield from live.queue(question.device, question.live)


def _policies(question: Question) -> Iterator[Judgement]:
    concerned = [one for one in question.policies if one.concerns(question.device.name)]
    if question.spec.writable and concerned:
        client = Client(question.user, question.host, question.host)
        yield from of_policies(
            concerned, question.spec, question.device, question.value, client, question.now_ns, question.live
        )


def _route(question: Question) -> Iterator[Judgement]:
    route = question.device.route
    if not route.write:
        lacking = " and ".join(f"{name} ({question.config.backends[name].url.scheme})" for name in route.read)
        yield Judgement("route", False, f"{lacking} cannot write; route writes to a backend that can")
        return
    backend = question.config.backends[route.write[0]]
    yield Judgement("route", True, f"{backend.name} ({backend.url.scheme}) can write")
    needed = SCHEMES[backend.url.scheme].credentials
    if trouble := question.troubles.get(backend.name):
        yield Judgement("credentials", False, f"{backend.name}: {trouble}")
        return
    if needed == "none":
        return
    if backend.auth.kerberos is None and backend.auth.jwt is None:
        reason = f"{backend.name} has no 'auth'; a service that asks for it ({needed}) will refuse"
        yield Judgement("credentials", None, reason)
    else:
        yield Judgement("credentials", None, f"{backend.name} has 'auth'; the service judges ({needed})")


def _value(question: Question) -> Iterator[Judgement]:
    if question.spec.writable:
        yield from of_value(question.spec, question.device, question.value, question.live)


STEPS: tuple[Callable[[Question], Iterator[Judgement]], ...] = (
    _writes, _device, _network, _access, _states, _route, _value, _moment, _policies, _queue,
)  # fmt: skip


def _steps(spec: PvSpec) -> tuple[Callable[[Question], Iterator[Judgement]], ...]:
    return (_ask,) if spec.role is Role.READ_NOW else STEPS


def _ask(question: Question) -> Iterator[Judgement]:
    """A put that asks for a reading sets nothing: who may read may ask."""
    file, client = question.file, Client(question.user, question.host, question.host)
    may = file is None or decide(file, question.device.group, 0, client, _value_of(question)).access >= Access.READ
    reason = "asks for a reading and sets nothing: whoever may read may ask"
    yield Judgement(Layer.ACCESS.value, may, reason if may else f"{question.user or 'this client'} may not read it")
