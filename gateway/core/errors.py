"""The tree of exceptions. Calls raise these; single items fail as values with a `Status`.

AcgateError
+-- BadInput            what a person wrote is wrong: exit code 2, one sentence with place and remedy
|   +-- BadRequest      a DRF request; names the part and the position
|   +-- BadConfig       a configuration; names file, line and key
|   `-- BadUrl          a backend URL; names the scheme, key or value
+-- ProtocolError       what a peer sent cannot be understood
+-- Refused             a queue is full or closed; the wish was not taken
`-- Closed              the subscription, backend or queue was closed
"""


class AcgateError(Exception):
    """Anything acgate raises on purpose."""


class BadInput(AcgateError):
    """What a person wrote is wrong; the text is one sentence that says where and what would be right."""


class BadRequest(BadInput):
    """A DRF request that cannot be parsed.

    `part` is one of name, word, range, event, source; `position` counts characters from 0.
    """

    def __init__(self, text: str, part: str, position: int, reason: str) -> None:
        super().__init__(f"{text!r}: {part} at position {position}: {reason}")
        self.text, self.part, self.position, self.reason = text, part, position, reason


class BadConfig(BadInput):
    """A configuration that cannot be used. `line` counts from 1, 0 when the place has no line."""

    def __init__(self, file: str, line: int, key: str, reason: str) -> None:
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: {key}: {reason}" if key else f"{place}: {reason}")
        self.file, self.line, self.key, self.reason = file, line, key, reason


class BadUrl(BadInput):
    """A backend URL that cannot be used."""


class ProtocolError(AcgateError):
    """A peer sent what the protocol page does not allow; the connection cannot be used any more."""


class Refused(AcgateError):
    """A queue did not take the wish: it is full or closed."""


class Closed(AcgateError):
    """The other side of a subscription, queue or backend was closed."""
