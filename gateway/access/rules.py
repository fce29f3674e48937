"""What an access security file lets a client do, with the rule that says so (EPICS access security)."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from gateway.access.acf import Access, AccessFile, AccessGroup, Rule
from gateway.access.calc import INPUTS

Input = Callable[[str], float | None]  # the value of a PV; None when it has no valid one


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks. User and host are what the client claims; the address is real."""

    user: str
    host: str
    address: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a client may do, and where that is written: `place` is file, line and group."""

    access: Access
    trap: bool  # whether writes are to be logged
    place: str


def decide(file: AccessFile, group_name: str, level: int, client: Client, value_of: Input) -> Decision:
    """What the rules of a group give to a client for a field of that security level.

    As in EPICS base, the highest access that some rule gives holds, and of rules that give the same the first.
    A rule whose CALC reads an input without a valid value does not hold.
    """
    group = file.group(group_name)
    access, trap, line = Access.NONE, False, group.line
    for rule in group.rules:
        if rule.access > access and _missing(rule, group, level, client, value_of) == "":
            access, trap, line = rule.access, rule.trap, rule.line
    return Decision(access, trap, f"{file.name}:{line} ASG({group.name})")


def why_not(
    file: AccessFile, group_name: str, level: int, client: Client, value_of: Input, wanted: Access = Access.WRITE
) -> str:
    """One sentence: what the rules that would give the access ask for; empty when it is given."""
    if decide(file, group_name, level, client, value_of).access >= wanted:
        return ""
    group = file.group(group_name)
    granting = [rule for rule in group.rules if rule.access >= wanted]
    needs = "; ".join(f"line {rule.line} needs {_missing(rule, group, level, client, value_of)}" for rule in granting)
    who = f"{client.user or 'unknown'}@{client.host or client.address}"
    return f"{file.name}: ASG({group.name}) gives {who} no {wanted.name}: {needs or 'no rule gives it to anybody'}"


def _missing(rule: Rule, group: AccessGroup, level: int, client: Client, value_of: Input) -> str:
    """What the client lacks for the rule to hold; empty when it holds."""
    if level > rule.level:
        return f"a field of security level {rule.level} or lower"
    if rule.users is not None and client.user not in rule.users:
        return f"a user of UAG({','.join(rule.user_groups)})"
    if rule.hosts is not None and not _at(rule.hosts, client):
        return f"a host of HAG({','.join(rule.host_groups)})"
    if rule.calc is None:
        return ""
    inputs = [0.0] * len(INPUTS)
    used = rule.calc.uses & group.inputs.keys()
    if not used:  # base computes a CALC when one of its inputs changes, and this one has none
        return f"an input that CALC {rule.calc.text!r} reads"
    for place in used:
        found = value_of(group.inputs[place])
        if found is None:
            return f"a valid value of {group.inputs[place]}, the input {INPUTS[place]} of CALC {rule.calc.text!r}"
        inputs[place] = found
    return "" if rule.calc.holds(inputs) else f"CALC {rule.calc.text!r} to hold"


def _at(hosts: frozenset[str], client: Client) -> bool:
    """Whether the client is at one of the hosts: by its claimed name, or, of an address, by where it really is."""
    return client.address in hosts or (client.host.lower() in hosts and not _is_address(client.host))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
