"""DataRequest: an ACNET request string, parsed; its canonical text, normal form and write form (drf.md).

Parses like section 2 says, writes what section 12.2 allows. Pure, and remembers what it has parsed.
"""

import builtins
import dataclasses
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NoReturn

from gateway.core.drf_events import DEFAULT, NEVER, DrfEvent, parse_event
from gateway.core.drf_range import DrfRange, parse_range
from gateway.core.drf_words import (
    ACTING_FIELD,
    DEFAULT_FIELD,
    FIELD_WORDS,
    FIELDS,
    LONGEST,
    PROPERTY_WORDS,
    SEPARATORS,
    SOURCE_WORDS,
    Property,
)
from gateway.core.errors import BadRequest

__all__ = ["LONGEST", "DataRequest", "DrfRange", "Property"]

_NAME = r"([A-Za-z0#])([:?_|&@$~^#!])([A-Za-z0-9_:-]{1,62}+)"
_TAIL = r"(?:\.([A-Za-z0-9_]+))?(\[[0-9:]*\]|\{[0-9:]*\})?(?:\.([A-Za-z0-9_]+))?(?:@(.+))?"
_ACNET = re.compile(_NAME + _TAIL)
_FOREIGN = re.compile(r"(.{3,}?)" + _TAIL)
_NAME_ALONE = re.compile(_NAME)
_NEAR_MISS = re.compile(r"[.@\[]|\{[^{}]*\}(?:[.@]|\Z)")
_PARTS = re.compile(r"(?:\.[A-Za-z0-9_]+)?(?:\[[0-9:]*\]|\{[0-9:]*\})?(?:\.[A-Za-z0-9_]+)?")
_STRANGE = re.compile(r"[^ -~]")

_MISSPELT = {
    "event": "an event must follow '@', for example P,1000",
    "range": "a range is [first:last] or {{offset:length}} in decimal digits, once, before the field",
    "word": "{} does not belong there; write name.PROPERTY[range].FIELD@event",
}

_WRITTEN = {Property.READING: Property.SETTING, Property.STATUS: Property.CONTROL}
_UNANSWERED = (Property.INDEX, Property.LONG_NAME, Property.ALARM_LIST_NAME)
_FROM_DATABASE = (Property.DESCRIPTION, *_UNANSWERED)
_READ_ONLY_ALARM = ("ALL", "TEXT", "ALARM_STATUS", "TRIES_NOW", "ABORT")


@dataclass(frozen=True, slots=True)
class DataRequest:
    """One thing to acquire or to set. Requests are equal when their canonical texts are.

    Foreign names (other control systems' PVs) have no property and no field, but a `suffix`: the words before
    and after the range, as written.
    """

    device: str  # canonical: upper case with colon; foreign names as written
    property: Property | None
    range: DrfRange | None
    field: str | None  # canonical word; None is the default of a property that has none of its own
    event: DrfEvent = DEFAULT
    source: str | None = None  # as written, without the arrow
    suffix: tuple[str | None, str | None] = (None, None)
    separator: str = dataclasses.field(default=":", compare=False, repr=False)  # as written

    @classmethod
    def parse(cls, text: str) -> "DataRequest":
        """The request in `text`, which is not trimmed; BadRequest names the part and its position."""
        return _parse(text)

    @builtins.property
    def is_foreign(self) -> bool:
        """Whether the name is not one of ACNET's."""
        return self.property is None

    def __str__(self) -> str:
        return self._text(self.device, str(self.range or ""), self.event.text if self.event.mode != "U" else "") + (
            "" if self.source is None else f"<-{self.source}"
        )

    def _text(self, device: str, span: str, event: str) -> str:
        if self.property is None:
            before, after = (f".{word}" if word else "" for word in self.suffix)
        else:
            before = f".{self.property.value}"
            after = "" if self.field in (None, DEFAULT_FIELD.get(self.property)) else f".{self.field}"
        return f"{device}{before}{span}{after}{'@' if event else ''}{event}"

    def normal(self) -> str:
        """The form that is equal for requests that mean the same (drf.md 10.2), without source.

        Tells an absent range or event from one that is written but says the same; `key` does not.
        """
        return self._normal(self.range.normal() if self.range else "", self.event.normal)

    def _normal(self, span: str, event: str) -> str:
        if self.property is None:
            return self._text(self.device, span, event)
        acting = self.field == ACTING_FIELD.get(self.property)
        return (replace(self, field=None) if acting else self)._text(_numbered(self.device), span, event)

    def key(self) -> str:
        """The normal form with the sharing rules, and the source: equal keys can share one subscription."""
        span = self.range.normal() if self.range else ""
        if span == "[0]" and not self.is_foreign:  # without a range the server sends the first element
            span = ""
        event = "" if self.event.mode == "U" else self.event.normal
        return self._normal(span, event) + self._sent_source()

    def sent(self) -> str:
        """The text that every known server understands (drf.md 12.2).

        The event is left out when it is the default one; give it one with `with_event` before.
        """
        return self._text(_numbered(self.device), str(self.range or ""), self.event.sent()) + self._sent_source()

    def _sent_source(self) -> str:
        if self.source is None or self.source.upper() == "LIVEDATA":
            return ""
        return f"<-{self.source.upper() if self.source.upper() == 'FTP' else self.source}"

    def with_event(self, event: DrfEvent) -> "DataRequest":
        """The same request at another event."""
        return replace(self, event=event)

    def for_writing(self) -> "DataRequest":
        """What a write to this name means: SETTING for READING, CONTROL for STATUS (drf.md 11)."""
        if self.property not in _WRITTEN:
            return replace(self, event=NEVER)
        written = _WRITTEN[self.property]
        kept = self.field if self.field in FIELDS[written] else DEFAULT_FIELD.get(written)
        return replace(self, property=written, field=kept, event=NEVER)

    def for_command(self) -> "DataRequest":
        """The request that a basic control command to this device is set on (drf.md 11); a foreign name stays."""
        if self.is_foreign or self.property in (Property.CONTROL, Property.STATUS):
            return self.for_writing()
        return replace(self, property=Property.CONTROL, field=None, event=NEVER)

    def gateway_reason(self) -> str | None:
        """Why a gateway does not serve it (drf.md 13), in one sentence; None when it does."""
        if self.is_foreign:
            return f"{self.device!r} is no ACNET device name; write for example M:OUTTMP"
        if self.device.startswith("#") and self.separator != ":":
            return f"the name starts with '#{self.separator}'; write a device's number as 0:{self.device[2:]}"
        if self.source is not None and self.source.upper() not in ("LIVEDATA", "FTP"):
            return f"the source {self.source!r} is not live; leave out what follows the name from '<-' on"
        return None

    def server_reason(self) -> str | None:
        """Why the server of 2024 would not answer what `sent` says (drf.md 12), in one sentence; None if it would.

        Newer servers may; so this is a warning, no refusal.
        """
        if self.is_foreign:
            return "the server refuses foreign names with 17/-24"
        if self.property is Property.BIT_STATUS:
            return "the server does not know BIT_STATUS; ask for STATUS.BIT_VALUE"
        if self.property in _UNANSWERED:
            return f"the server sends no reply at all to {self.property_word}"
        if self.field in ("BIT_NAMES", "BIT_VALUES", "UNITS") or (
            self.field in ("MIN", "MAX") and self.property is not Property.ANALOG
        ):
            return f"the server does not know the field {self.field} of {self.property_word}"
        return self._range_reason() or self._event_reason()

    def _range_reason(self) -> str | None:
        if self.range is None or self.range.byte:
            return None
        if max(self.range.start or 0, self.range.end or 0) > 32767:
            return "the server knows array indices up to 32767"
        if self.range.mode == "span" and self.range.end is None and self.range.start:
            return f"the server sends one element only for {self.range}; write both ends"
        return None

    def _event_reason(self) -> str | None:
        if (self.event.clock_number or 0) > 0xFFFF:
            return "the server knows clock events up to FFFF"
        if (self.event.state_value or 0) > 65535:
            return "the server knows state values up to 65535"
        return None

    @builtins.property
    def property_word(self) -> str:
        """The canonical word of the property, empty for foreign names."""
        return "" if self.property is None else self.property.value

    def settable_reason(self) -> str | None:
        """Why a write to it must be refused before anything is sent (drf.md 11); None when it may be sent.

        A STATUS request is refused here: that its write form is a command must be meant, so ask the write form.
        """
        if self.source is not None:
            return "a request with a source cannot be set; leave out what follows from '<-' on"
        if self.is_foreign:
            return f"{self.device!r} is no ACNET device name and cannot be set"
        if self.property in _FROM_DATABASE or self.property is Property.BIT_STATUS:
            return f"{self.property_word} cannot be set; it comes from the device database"
        if self.property is Property.STATUS:
            return f"the status cannot be set; set a command on {self.device}.CONTROL"
        if self.property in (Property.ANALOG, Property.DIGITAL):
            refused = self.field in _READ_ONLY_ALARM
        else:
            refused = self.field in ("MIN", "MAX", "UNITS")
        return f"{self.property_word}.{self.field} cannot be set; name a field that can" if refused else None


def _numbered(device: str) -> str:
    """The name without its leading `#`, which a server may take for a list directive (drf.md 3.3)."""
    return f"0{device[1:]}" if device.startswith("#") else device


@lru_cache(maxsize=16384)
def _parse(text: str) -> DataRequest:
    if len(text) > LONGEST:
        raise BadRequest(text[:40] + "...", "name", LONGEST, f"a request has at most {LONGEST} characters")
    body, arrow, source = text.partition("<-")
    if strange := _STRANGE.search(text):
        part = "source" if strange.start() >= len(body) else "event" if "@" in body[2 : strange.start()] else "name"
        raise BadRequest(text, part, strange.start(), "only printable ASCII characters are allowed")
    if arrow:
        _check_source(text, source, len(body) + 2)
    if found := _ACNET.fullmatch(body):
        return _acnet(text, found, source if arrow else None)
    if (name := _NAME_ALONE.match(body)) and _NEAR_MISS.match(body, name.end()):
        _explain(text, body, name.end())
    if len(body) < 3:
        raise BadRequest(text, "name", 0, "a name has at least three characters, for example M:OUTTMP")
    found = _FOREIGN.fullmatch(body)
    assert found is not None  # the tail may be empty, so three characters always match
    device, before, _, after, _ = found.groups()
    return DataRequest(
        device, None, _range(text, found, 3), None, _event(text, found, 5), source if arrow else None, (before, after)
    )


def _check_source(text: str, source: str, position: int) -> None:
    if "<-" in source:
        raise BadRequest(text, "source", position + source.index("<-"), "there is a second '<-'")
    keyword = source.partition(":")[0].partition("[")[0]
    if keyword.upper() not in SOURCE_WORDS:
        raise BadRequest(text, "source", position, f"{keyword!r} is none of {' '.join(sorted(SOURCE_WORDS))}")


def _range(text: str, found: re.Match[str], group: int) -> DrfRange | None:
    return None if found[group] is None else parse_range(found[group], text, found.start(group))


def _event(text: str, found: re.Match[str], group: int) -> DrfEvent:
    return DEFAULT if found[group] is None else parse_event(found[group], text, found.start(group))


def _acnet(text: str, found: re.Match[str], source: str | None) -> DataRequest:
    """The request in the match of the ACNET grammar; the words are those of drf.md 2.1."""
    letter, separator, rest, first, _, second, _ = found.groups()
    prop, word, group = SEPARATORS[separator], second, 6
    if first is not None:
        stated = PROPERTY_WORDS.get(first.upper())
        if stated is not None:
            prop = stated
        elif second is not None:
            raise BadRequest(text, "word", found.start(4), f"{first!r} is no property")
        else:
            word, group = first, 4
    name = DEFAULT_FIELD.get(prop)
    if word is not None:
        name = FIELD_WORDS.get(word.upper())
        if name is None:
            raise BadRequest(text, "word", found.start(group), f"{word!r} is neither property nor field")
        if name not in FIELDS[prop]:
            raise BadRequest(text, "word", found.start(group), f"{prop.value} has no field {word!r}")
    span, event = _range(text, found, 5), _event(text, found, 7)
    return DataRequest(f"{letter}:{rest}".upper(), prop, span, name, event, source, separator=separator)


def _explain(text: str, body: str, position: int) -> NoReturn:
    """Say which part of a misspelt ACNET request is wrong: the first that does not fit."""
    fitting = _PARTS.match(body, position)
    place = fitting.end() if fitting else position
    part = {"@": "event", "[": "range", "{": "range"}.get(body[place : place + 1], "word")
    raise BadRequest(text, part, place, _MISSPELT[part].format(repr(body[place:])))
