import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.acf import Access, parse_acf
from gateway.access.rules import Client, decide, why_not
from tests.support.base_access import BaseAccess

USERS, HOSTS, PVS = ("alice", "bob", "eve"), ("host1", "Host2", "host3"), ("GW:A", "GW:B")


def nothing(_: str) -> float | None:
    return None


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file with groups of users and hosts, and rules of every kind."""
    lines = [
        f"UAG(u{n}) {{{', '.join(draw(st.lists(st.sampled_from(USERS), min_size=1, unique=True)))}}}" for n in (0, 1)
    ]
    lines += [
        f"HAG(h{n}) {{{', '.join(draw(st.lists(st.sampled_from(HOSTS), min_size=1, unique=True)))}}}" for n in (0, 1)
    ]
    for name in draw(st.sampled_from([("DEFAULT",), ("DEFAULT", "G"), ("G",)])):
        rules = draw(st.lists(rule_texts(), max_size=5))
        lines.append(f"ASG({name}) {{ INPA(GW:A) INPB(GW:B) {' '.join(rules)} }}")
    return "\n".join(lines)


@st.composite
def rule_texts(draw: st.DrawFn) -> str:
    words = [str(draw(st.integers(0, 1))), draw(st.sampled_from(["NONE", "READ", "WRITE"]))]
    words += draw(st.sampled_from([[], ["TRAPWRITE"], ["NOTRAPWRITE"]]))
    conditions = [
        draw(st.sampled_from(["", "UAG(u0)", "UAG(u1)", "UAG(u0, u1)"])),
        draw(st.sampled_from(["", "HAG(h0)", "HAG(h1)"])),
        draw(st.sampled_from(["", 'CALC("A=1")', 'CALC("A>B")', 'CALC("B")', 'CALC("1")', 'CALC("C=0")'])),
    ]
    inside = " ".join(condition for condition in conditions if condition)
    return f"RULE({','.join(words)})" + (f" {{{inside}}}" if inside else "")


@settings(max_examples=400, deadline=None)
@given(files(), st.lists(st.sampled_from([None, 0.0, 1.0, 2.0]), min_size=2, max_size=2))
def test_random_files_and_questions_are_answered_as_base_answers_them(text: str, values: list[float | None]) -> None:
    base, file = BaseAccess(text), parse_acf(text, "f")
    assert base.accepted
    inputs = dict(zip(PVS, values, strict=True))
    for group, level, user, host in itertools.product(("DEFAULT", "G", "X"), (0, 1), USERS, ("HOST1", "host2", "h")):
        decision = decide(file, group, level, Client(user, host, "192.0.2.1"), inputs.get)
        expected = base.ask(group, level, user, host, dict(enumerate(values)))
        # base keeps the mask of the last rule that gave less than what holds; only of writes it is ever looked at
        assert expected[0] == decision.access, (text, group, level, user, host)
        if decision.access is Access.WRITE:
            assert expected[1] == decision.trap, (text, group, level, user, host)


FILE = parse_acf(
    """UAG(ops) {alice}
    HAG(here) {console, 192.0.2.7}
    ASG(DEFAULT) {
      INPA(GW:BEAM)
      RULE(1, READ)
      RULE(0, WRITE) {UAG(ops) HAG(here)}
      RULE(1, WRITE) {UAG(ops) CALC("A=0")}
    }
    ASG(CLOSED) {RULE(1, READ)}""",
    "site.acf",
)


def test_a_decision_says_where_it_is_written() -> None:
    decision = decide(FILE, "DEFAULT", 0, Client("alice", "console", "10.0.0.1"), nothing)
    assert (Access.WRITE, "site.acf:6 ASG(DEFAULT)") == (decision.access, decision.place)


def test_an_address_in_a_host_group_means_where_the_client_is_and_not_what_it_claims() -> None:
    def write(host: str, address: str) -> bool:
        return decide(FILE, "DEFAULT", 0, Client("alice", host, address), nothing).access is Access.WRITE

    assert write("anything", "192.0.2.7")
    assert not write("192.0.2.7", "10.0.0.1")


def test_a_refusal_says_what_each_rule_that_would_grant_asks_for() -> None:
    eve = Client("eve", "console", "10.0.0.1")
    assert (
        "site.acf: ASG(DEFAULT) gives eve@console no WRITE: line 6 needs a user of UAG(ops); "
        "line 7 needs a user of UAG(ops)"
    ) == why_not(FILE, "DEFAULT", 0, eve, nothing)
    alice = Client("alice", "elsewhere", "10.0.0.1")
    assert (
        "line 6 needs a field of security level 0 or lower; "
        "line 7 needs a valid value of GW:BEAM, the input A of CALC 'A=0'"
    ) in why_not(FILE, "DEFAULT", 1, alice, nothing)
    assert "line 6 needs a host of HAG(here); line 7 needs CALC 'A=0' to hold" in why_not(
        FILE, "DEFAULT", 0, alice, lambda _: 1.0
    )
    assert "unknown" not in why_not(FILE, "DEFAULT", 0, alice, lambda _: 0.0)


def test_nobody_may_what_no_rule_gives() -> None:
    said = why_not(FILE, "CLOSED", 0, Client("", "", "10.0.0.1"), nothing)
    assert "site.acf: ASG(CLOSED) gives unknown@10.0.0.1 no WRITE: no rule gives it to anybody" == said


def test_a_condition_that_reads_no_input_of_its_group_never_holds() -> None:
    file = parse_acf('ASG(DEFAULT) {INPA(GW:A) RULE(1,WRITE){CALC("1")} RULE(1,WRITE){CALC("B=0")}}', "f")
    said = why_not(file, "DEFAULT", 0, Client("alice", "h", "10.0.0.1"), lambda _: 0.0)
    assert said.endswith("line 1 needs an input that CALC '1' reads; line 1 needs an input that CALC 'B=0' reads")
