"""The words of an access security file, each with its line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.core.errors import BadConfig


@dataclass(frozen=True, slots=True)
class Token:
    """One word, text or sign; `line` counts from 1."""

    text: str
    line: int
    quoted: bool = False

    @property
    def sign(self) -> str:
        """The sign that this token is, empty for words."""
        return self.text if self.text in ("(", ")", "{", "}", ",") and not self.quoted else ""


_WORDS = re.compile(
    r"""(?P<skip>[ \t\r\f\v]+|\#[^\n]*)|(?P<newline>\n)|(?P<sign>[(){},])|(?P<word>[A-Za-z0-9_\-+:.\[\]<>;]+)
        |"(?P<quoted>(?:[^"\n\\]|\\.)*)"|(?P<other>.)""",
    re.VERBOSE | re.ASCII,
)
END = "the end of the file"


def tokens(text: str, name: str) -> Iterator[Token]:
    """The words of a text, and END last; BadConfig names what cannot be one."""
    line = 1
    for found in _WORDS.finditer(text):
        kind = found.lastgroup
        if kind == "newline":
            line += 1
        elif kind == "other":
            sign = found["other"]
            remedy = {
                '"': "a text in quotes ends on its own line",
                "$": "macros are not expanded; write the name itself",
            }.get(sign, "names with such a sign stand in quotes")
            raise BadConfig(name, line, "", f"{sign!r} is not understood; {remedy}")
        elif kind == "quoted":
            yield Token(found["quoted"].replace('\\"', '"').replace("\\\\", "\\"), line, quoted=True)
        elif kind in ("sign", "word"):
            yield Token(found[0], line)
    yield Token(END, line, quoted=True)
