"""Access security files of EPICS: UAG, HAG, ASG, RULE, INP and CALC (EPICS developer's guide, access security).

As EPICS base does, an unknown block beside the known ones, and a rule with a condition or a permission that is not
known, are left out: a rule can only grant. Each is told in `notes`. Everything else that is not understood is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from gateway.access.acf_words import Token, tokens
from gateway.access.calc import INPUTS, BadCalc, Calc, parse_calc
from gateway.core.errors import BadConfig

DEFAULT = "DEFAULT"
_INPUT = re.compile("INP([A-Z])")


class Access(IntEnum):
    """What a client may do, each including what stands before it."""

    NONE = 0
    READ = 1
    WRITE = 2


@dataclass(frozen=True, slots=True)
class Rule:
    """One RULE; None of users, hosts or calc: whoever, from wherever, whenever."""

    line: int
    level: int  # fields of this security level and of lower ones
    access: Access
    trap: bool = False  # writes are to be logged
    users: frozenset[str] | None = None
    hosts: frozenset[str] | None = None  # in lower case
    user_groups: tuple[str, ...] = ()
    host_groups: tuple[str, ...] = ()
    calc: Calc | None = None


@dataclass(frozen=True, slots=True)
class AccessGroup:
    """One ASG; `inputs` are names of PVs by their place in INPUTS."""

    name: str
    line: int  # 0 when the file has none of this name
    inputs: Mapping[int, str] = field(default_factory=dict, hash=False)
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessFile:
    """A whole file; it always has the group DEFAULT, with no rules when it is not written."""

    name: str
    groups: Mapping[str, AccessGroup] = field(hash=False)
    notes: tuple[str, ...] = ()

    def group(self, name: str) -> AccessGroup:
        """The group of that name, DEFAULT when the file has none."""
        return self.groups.get(name) or self.groups[DEFAULT]

    def inputs(self) -> frozenset[str]:
        """The PVs that decisions depend on."""
        return frozenset(pv for group in self.groups.values() for pv in group.inputs.values())


def parse_acf(text: str, name: str) -> AccessFile:
    """The rules of a text; BadConfig names file, line and word at fault."""
    return _Parser(text, name).file()


class _Parser:
    """From tokens to groups; each method takes what it is named after."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.tokens = list(tokens(text, name))
        self.at = 0
        self.users: dict[str, frozenset[str]] = {}
        self.hosts: dict[str, frozenset[str]] = {}
        self.groups: dict[str, AccessGroup] = {}
        self.notes: list[str] = []

    @property
    def ahead(self) -> Token:
        return self.tokens[self.at]

    def ended(self) -> bool:
        return self.at == len(self.tokens) - 1

    def wrong(self, key: str, reason: str, line: int = 0) -> BadConfig:
        return BadConfig(self.name, line or self.ahead.line, key, reason)

    def note(self, line: int, what: str) -> None:
        self.notes.append(f"{self.name}:{line}: {what}")

    def take(self) -> Token:
        token = self.ahead
        self.at += not self.ended()
        return token

    def sign(self, wanted: str, where: str) -> None:
        if self.ahead.sign != wanted:
            raise self.wrong(where, f"{wanted!r} is expected, not {self.ahead.text!r}")
        self.take()

    def word(self, what: str) -> str:
        if self.ahead.sign or self.ended():
            raise self.wrong("", f"{what} is expected, not {self.ahead.text!r}")
        return self.take().text

    def list_of(self, what: str, closing: str, where: str) -> list[str]:
        """Words divided by commas, up to the closing sign, which is taken."""
        words = [self.word(what)]
        while self.ahead.sign == ",":
            self.take()
            words.append(self.word(what))
        self.sign(closing, where)
        return words

    def file(self) -> AccessFile:
        if self.ended():
            raise self.wrong("", "the file has no rules; write for example ASG(DEFAULT) {RULE(1,READ)}")
        while not self.ended():
            block, line = self.word("UAG, HAG or ASG"), self.tokens[self.at - 1].line
            if block == "UAG":
                self._members(block, self.users)
            elif block == "HAG":
                self._members(block, self.hosts)
            elif block == "ASG":
                self._group(line)
            else:
                self._skip(block)
                self.note(line, f"{block} is no block of an access security file and was left out")
        self.groups.setdefault(DEFAULT, AccessGroup(DEFAULT, 0))
        return AccessFile(self.name, self.groups, tuple(self.notes))

    def _named(self, block: str, known: Mapping[str, object]) -> str:
        self.sign("(", block)
        line = self.ahead.line
        name = self.word(f"the name of the {block}")
        self.sign(")", f"{block}({name})")
        if name in known:
            raise self.wrong(f"{block}({name})", "stands in the file already; give each its own name", line)
        return name

    def _members(self, block: str, into: dict[str, frozenset[str]]) -> None:
        name = self._named(block, into)
        words: list[str] = []
        if self.ahead.sign == "{":
            self.take()
            words = self.list_of("a name", "}", f"{block}({name})")
        into[name] = frozenset(word.lower() if block == "HAG" else word for word in words)

    def _skip(self, block: str) -> None:
        """Take the brackets of a block that is not known, whatever is in them."""
        for opening, closing in (("(", ")"), ("{", "}")):
            depth = int(self.ahead.sign == opening)
            self.at += depth
            while depth:
                if self.ended():
                    raise self.wrong(block, f"a {closing!r} is missing")
                depth += {opening: 1, closing: -1}.get(self.take().sign, 0)

    def _group(self, line: int) -> None:
        name = self._named("ASG", self.groups)
        inputs: dict[int, str] = {}
        rules: list[Rule] = []
        if self.ahead.sign == "{":
            self.take()
            while self.ahead.sign != "}":
                word = self.word("INPA to INPU, or RULE")
                letter = _INPUT.fullmatch(word)
                if letter is not None and letter[1] in INPUTS:
                    self.sign("(", word)
                    inputs[INPUTS.index(letter[1])] = self.word("the name of a PV")
                    self.sign(")", word)
                elif word == "RULE":
                    rules.extend(self._rule())
                else:
                    raise self.wrong(f"ASG({name})", f"{word!r} is neither INPA to INPU nor RULE")
            self.take()
        self.groups[name] = AccessGroup(name, line, inputs, tuple(rules))

    def _rule(self) -> Iterator[Rule]:
        """One rule, or none when it has something that is not known."""
        line = self.tokens[self.at - 1].line
        self.sign("(", "RULE")
        words = self.list_of("a security level", ")", "RULE")
        if not words[0].isdecimal() or not 2 <= len(words) <= 3:
            raise self.wrong("RULE", f"{','.join(words)!r} is none; write for example RULE(1,WRITE,TRAPWRITE)", line)
        if len(words) == 3 and words[2] not in ("TRAPWRITE", "NOTRAPWRITE"):
            raise self.wrong("RULE", f"{words[2]!r} is neither TRAPWRITE nor NOTRAPWRITE", line)
        left_out = "" if words[1] in Access.__members__ else words[1]
        conditions: dict[str, list[str]] = {}
        if self.ahead.sign == "{":
            self.take()
            while self.ahead.sign != "}":
                condition = self.word("UAG, HAG or CALC")
                self.sign("(", condition)
                found = self.list_of("a name", ")", condition)
                if condition not in ("UAG", "HAG", "CALC"):
                    left_out = left_out or condition
                elif condition == "CALC" and (condition in conditions or len(found) > 1):
                    raise self.wrong("CALC", "a rule has one CALC; join the conditions with &&", line)
                else:
                    conditions.setdefault(condition, []).extend(found)
            self.take()
            if not conditions and not left_out:
                raise self.wrong("RULE", "its braces are empty; leave them out, or write a UAG, HAG or CALC", line)
        if left_out:
            self.note(line, f"the RULE has {left_out!r}, which is not known, and was left out")
            return
        yield Rule(
            line,
            int(words[0]),
            Access[words[1]],
            words[-1] == "TRAPWRITE",
            self._union("UAG", conditions, self.users, line),
            self._union("HAG", conditions, self.hosts, line),
            tuple(conditions.get("UAG", ())),
            tuple(conditions.get("HAG", ())),
            self._calc(conditions, line),
        )

    def _union(
        self, block: str, conditions: Mapping[str, list[str]], known: Mapping[str, frozenset[str]], line: int
    ) -> frozenset[str] | None:
        if block not in conditions:
            return None
        for name in conditions[block]:
            if name not in known:
                raise self.wrong(f"{block}({name})", "is not defined before this rule; write it further up", line)
        return frozenset().union(*(known[name] for name in conditions[block]))

    def _calc(self, conditions: Mapping[str, list[str]], line: int) -> Calc | None:
        if "CALC" not in conditions:
            return None
        try:
            return parse_calc(conditions["CALC"][0])
        except BadCalc as error:
            raise self.wrong("CALC", str(error).removeprefix("CALC "), line) from None
