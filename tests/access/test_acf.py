import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.acf import Access, parse_acf
from gateway.core.errors import BadConfig
from tests.support.base_access import BaseAccess

EXAMPLE = """# who may set magnets
UAG(operators) {alice, "bob b"}
UAG(nobody)
HAG(control) {Console1, 10.0.0.7}
ASG(DEFAULT) {
    RULE(1, READ)
    RULE(1, WRITE, TRAPWRITE) { UAG(operators) HAG(control) }
}
ASG(BEAM) {
    INPA(GW:BEAM) INPU(GW:MODE)
    RULE(0, WRITE, NOTRAPWRITE) { CALC("A=0 && U<2") UAG(operators, nobody) }
}
"""


def test_an_access_security_file_is_read() -> None:
    file = parse_acf(EXAMPLE, "f")
    rules = file.group("DEFAULT").rules
    assert [
        (6, 1, Access.READ, False, None, None),
        (7, 1, Access.WRITE, True, {"alice", "bob b"}, {"console1", "10.0.0.7"}),
    ] == [(rule.line, rule.level, rule.access, rule.trap, rule.users, rule.hosts) for rule in rules]
    beam = file.group("BEAM")
    assert ({0: "GW:BEAM", 20: "GW:MODE"}, frozenset({0, 20})) == (beam.inputs, beam.rules[0].calc.uses)
    assert ("operators", "nobody") == beam.rules[0].user_groups
    assert {"GW:BEAM", "GW:MODE"} == file.inputs()


def test_a_group_that_is_not_written_is_default_and_default_gives_nothing_when_it_is_not_written() -> None:
    file = parse_acf("ASG(X) {RULE(1,WRITE)} ASG(Y)", "f")
    assert ("DEFAULT", (), 0) == (file.group("Z").name, file.group("Z").rules, file.group("Z").line)
    assert () == file.group("Y").rules


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("XAG(a,b){c(d)} ASG(DEFAULT){RULE(1,READ)}", "f:1: XAG is no block of an access security file"),
        ("ASG(DEFAULT){\nRULE(1,RPC) RULE(1,READ)}", "f:2: the RULE has 'RPC', which is not known, and was left out"),
        ('ASG(DEFAULT){RULE(1,WRITE){METHOD("ca")} RULE(1,READ)}', "the RULE has 'METHOD', which is not known"),
    ],
)
def test_what_is_not_known_grants_nothing_and_is_told(text: str, note: str) -> None:
    file = parse_acf(text, "f")
    assert note in file.notes[0]
    assert [Access.READ] == [rule.access for rule in file.group("DEFAULT").rules]
    assert (1, False) == BaseAccess(text).ask("DEFAULT", 0, "u", "h")


def test_a_block_that_is_not_known_may_have_no_brackets_or_many() -> None:
    assert 2 == len(parse_acf("XAG YAG(a(b)){c{d}} ASG(DEFAULT){RULE(1,READ)}", "f").notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f:1: the file has no rules; write for example ASG(DEFAULT) {RULE(1,READ)}"),
        ("UAG(a) {}", "f:1: a name is expected, not '}'"),
        ("UAG(a) {b c}", "f:1: UAG(a): '}' is expected, not 'c'"),
        ("UAG(a) {b,}", "f:1: a name is expected, not '}'"),
        ("UAG(a", "f:1: UAG(a): ')' is expected, not 'the end of the file'"),
        ("\nUAG {a}", "f:2: UAG: '(' is expected, not '{'"),
        ("UAG(a) {b}\nUAG(a) {c}", "f:2: UAG(a): stands in the file already; give each its own name"),
        ("HAG(a) HAG(a)", "HAG(a): stands in the file already"),
        ("ASG(a)\nASG(a)", "f:2: ASG(a): stands in the file already"),
        ("ASG(a) {FOO(1)}", "f:1: ASG(a): 'FOO' is neither INPA to INPU nor RULE"),
        ("ASG(a) {INPZ(x)}", "'INPZ' is neither INPA to INPU nor RULE"),
        ("ASG(a) {INPA(x)", "INPA to INPU, or RULE is expected, not 'the end of the file'"),
        ("ASG(a) {RULE(x,READ)}", "f:1: RULE: 'x,READ' is none; write for example RULE(1,WRITE,TRAPWRITE)"),
        ("ASG(a) {RULE(1)}", "'1' is none; write for example"),
        ("ASG(a) {RULE(1,READ,LOG)}", "'LOG' is neither TRAPWRITE nor NOTRAPWRITE"),
        ("ASG(a) {\nRULE(1,READ){UAG(x)}}", "f:2: UAG(x): is not defined before this rule; write it further up"),
        ("ASG(a) {RULE(1,READ){}}", "RULE: its braces are empty; leave them out"),
        ("ASG(a) {RULE(1,READ){\n(}}", "f:2: UAG, HAG or CALC is expected, not '('"),
        ('ASG(a) {RULE(1,READ){CALC("A+")}}', "f:1: CALC: 'A+' at position 2: a number"),
        ('ASG(a) {RULE(1,READ){CALC("1") CALC("0")}}', "a rule has one CALC; join the conditions with &&"),
        ("XAG(a {", "f:1: XAG: a ')' is missing"),
        ("(", "UAG, HAG or ASG is expected, not '('"),
    ],
)
def test_what_is_not_understood_is_refused_with_file_and_line(text: str, said: str) -> None:
    with pytest.raises(BadConfig) as caught:
        parse_acf(text, "f")
    assert said in str(caught.value)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(['UAG', 'HAG', 'ASG', 'RULE', '(', ')', '{', '}', ',', 'a', '1', 'READ', 'INPA', 'CALC',
                                 '"1"', 'XAG', '\n']), max_size=25).map(" ".join))  # fmt: skip
def test_any_order_of_words_is_read_or_refused(text: str) -> None:
    try:
        parse_acf(text, "f")
    except BadConfig as error:
        refused = str(error)
    else:
        refused = ""
    assert not refused or refused.startswith("f:")
