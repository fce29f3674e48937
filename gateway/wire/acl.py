"""ACL scripts: a data request -> the commands that read it; commands <-> the query of the CGI (acl.md 1.2, 2).

What a name could smuggle in cannot be sent: every command is held against the characters that section 1.2 lists.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from gateway.core.blocks import ATTRIBUTES
from gateway.core.drf import DataRequest, Property
from gateway.core.drf_events import DEFAULT
from gateway.core.errors import BadInput

SEPARATOR = "\\;"  # between two commands of a query
_PREFIX = "acl="

_SAFE = re.compile(r"[A-Za-z0-9:\[\]{}@,.$|~/='_*()<>\- ]+")
_SAFE_EVENT = re.compile(r"[A-Za-z0-9:,._=*<>\[\]-]+")
_UNSENDABLE = re.compile(r"[&#%+;\\\n\r]|[^ -~]")

_DECODED = re.compile(r"\+|%20|%27|%22")
_DECODED_AS = {"+": " ", "%20": " ", "%27": "'", "%22": '"'}
_PIECES = re.compile(r"""'[^']*'|"[^"]*"|\\?;|[^;'"\\]+|.""", re.S)

FROM_BLOCK = frozenset(
    ["ALARM_ENABLE", "ALARM_STATUS", "TRIES_NEEDED", "TRIES_NOW", "ALARM_FTD", "ABORT", "ABORT_INHIBIT", "FLAGS"]
)  # fields of alarms that are read out of the raw block, since how ACL prints them is not known
_WORDS = frozenset(["TEXT", "EXTENDED_TEXT", "BIT_NAMES", "BIT_VALUES", "UNITS"])
_TEXTS = (Property.DESCRIPTION, Property.LONG_NAME, Property.ALARM_LIST_NAME)
_ATTRIBUTES = tuple(name.upper() for name in ATTRIBUTES)
_VALUES = (Property.READING, Property.SETTING)


class Kind(Enum):
    """How the answer to a command is to be understood: by what was asked, not by its look (acl.md 3.1)."""

    NUMBER = "number"  # or whatever else it looks like
    TEXT = "text"
    BOOLEAN = "boolean"
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a script, and what its answer is held against."""

    text: str  # as the interpreter takes it: read M:OUTTMP.READING/event='e,02'
    device: str  # canonical; the answer must be about it
    kind: Kind = Kind.NUMBER
    several: bool = False  # a range of several elements was asked for
    waits: bool = False  # for an event, for as long as that takes


def refusal(request: DataRequest) -> str | None:
    """Why ACL cannot be asked this, in one sentence; None when it can. Periodic events are the caller's to keep."""
    if request.is_foreign:
        return f"{request.device!r} is no ACNET device name"
    if request.source is not None and request.source.upper() != "LIVEDATA":
        return f"ACL reads live data only; leave out '<-{request.source}'"
    if request.event.mode in ("P", "Q"):
        return f"ACL knows no periodic events; leave out '@{request.event.text}' or watch it by polling"
    if request.event.mode in ("E", "S") and not _SAFE_EVENT.fullmatch(request.event.sent()):
        return f"the event {request.event.text!r} holds characters that ACL could take as syntax"
    if request.property is Property.BIT_STATUS or request.field in _WORDS:
        return f"ACL prints {request.property_word}.{request.field} as words that cannot be told apart; ask for numbers"
    return None


def commands_for(request: DataRequest, units: bool = True) -> tuple[Command, ...]:
    """The commands whose answers together are the reading; BadInput where `refusal` has a reason.

    Structures are read part by part: a status by its attributes, an alarm by its raw block and its limits (acl.md 3.2).
    Without `units` numbers come without them, so that units of several words cannot be taken for text.
    """
    if reason := refusal(request):
        raise BadInput(reason)
    return tuple(_command(request, field, place == 0, units) for place, field in enumerate(_fields(request)))


def _fields(request: DataRequest) -> tuple[str | None, ...]:
    """The fields that are read for it."""
    prop, field = request.property, request.field
    whole = field in (None, "ALL")
    if prop is Property.STATUS:
        return _ATTRIBUTES if whole else ("RAW",) if field == "BIT_VALUE" else (field,)
    if prop in (Property.ANALOG, Property.DIGITAL) and (whole or field in FROM_BLOCK):
        return ("RAW", "MIN", "MAX") if whole and prop is Property.ANALOG else ("RAW",)
    return (field,)


def _command(request: DataRequest, field: str | None, first: bool, units: bool) -> Command:
    """The command for one field. Of several the first waits for the event, and the others are read at once after it."""
    event = request.event
    waits = first and event.mode in ("E", "S")
    asked = DataRequest(request.device, request.property, request.range, field, DEFAULT).sent().replace("[:]", "[]")
    if event.mode == "U":  # a reading without event is asked for without its property
        asked = asked.replace(".READING", "", 1)
    kind = _kind(request.property, field)
    words = "read" + ("/pendwait" if waits else "")
    if not units and request.property in _VALUES:
        words += "/no_units"
    text = f"{words} {asked}" + ("/raw" if kind is Kind.RAW else "")
    text += f"/event='{event.text}'" if waits else ""
    if not _SAFE.fullmatch(text):
        raise BadInput(f"{text!r} holds characters that ACL could take as syntax")
    several = request.range is not None and request.range.elements() != 1 and not request.range.byte
    return Command(text, request.device, kind, several, waits)


def _kind(prop: Property | None, field: str | None) -> Kind:
    if field == "RAW":
        return Kind.RAW
    if prop in _TEXTS:
        return Kind.TEXT
    return Kind.BOOLEAN if prop is Property.STATUS and field else Kind.NUMBER


def query_of(commands: Sequence[str]) -> str:
    """The query that makes the CGI run these commands, as it must go out; BadInput where one cannot be sent.

    Nothing else may encode it: the CGI would take `%3A` for three characters of a name.
    """
    for text in commands:
        if found := _UNSENDABLE.search(text):
            raise BadInput(f"{text!r}: {found[0]!r} cannot be sent to the CGI of ACL")
    return _PREFIX + SEPARATOR.join(commands).replace(" ", "+")


def script_of(wire: str) -> list[str]:
    """The commands that the CGI makes of the value of `acl`, as it came."""
    return split_script(_DECODED.sub(lambda found: _DECODED_AS[found[0]], wire))


def split_script(text: str) -> list[str]:
    """The commands of a line: divided by semicolons outside quotes, with a backslash before them or not."""
    commands = [""]
    for piece in _PIECES.findall(text):
        if piece in (";", SEPARATOR):
            commands.append("")
        else:
            commands[-1] += piece
    return [command.strip() for command in commands if command.strip()]
