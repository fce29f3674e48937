"""The fields of records as Channel Access shows them: type, size, and whether a client may set them. Pure.

From the record reference of EPICS base 7; a type that Channel Access has not is shown in the nearest larger one, as
there: unsigned 32 bits as DOUBLE, menus as ENUM.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.core.severity import Severity, Stat
from iocs.fast.conversions import CHAR, DOUBLE, ENUM, LONG, SHORT, STRING

SEVERITIES = tuple(severity.name for severity in Severity)
STATS = tuple(stat.name for stat in Stat)
SCANS = ("Passive", "Event", "I/O Intr", "10 second", "5 second", "2 second", "1 second", ".5 second", ".2 second",
         ".1 second")  # fmt: skip
ELEMENTS = ("STRING", "CHAR", "UCHAR", "SHORT", "USHORT", "LONG", "ULONG", "INT64", "UINT64", "FLOAT", "DOUBLE", "ENUM")
STATES = ("ZR", "ON", "TW", "TH", "FR", "FV", "SX", "SV", "EI", "NI", "TE", "EL", "TV", "TT", "FT", "FF")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record type."""

    type: int
    size: int = 1  # characters of a text, its NUL included
    labels: tuple[str, ...] = ()
    writable: bool = False
    property: bool = False  # whether a change of it is a property event of the record
    whole: bool = False  # whether it is a whole number, though shown as DOUBLE


def _text(size: int) -> Field:
    return Field(STRING, size)


def _menu(labels: tuple[str, ...]) -> Field:
    return Field(ENUM, labels=labels)


_SEVERITY = _menu(SEVERITIES)
_COMMON: dict[str, Field] = {
    "NAME": _text(61), "RTYP": _text(40), "DESC": Field(STRING, 41, writable=True), "SCAN": _menu(SCANS),
    "STAT": _menu(STATS), "SEVR": _SEVERITY, "TIME": _text(40), "UDF": Field(CHAR),
}  # fmt: skip
_EGU = Field(STRING, 16, writable=True, property=True)
_PREC = Field(SHORT, writable=True, property=True)


def _limited(type_: int) -> dict[str, Field]:
    """The fields of a number with limits."""
    shown = Field(type_, writable=True, property=True)
    fields = {"EGU": _EGU, "DRVH": Field(type_), "DRVL": Field(type_), "HYST": Field(type_, writable=True)}
    fields |= dict.fromkeys(("HOPR", "LOPR", "HIHI", "HIGH", "LOW", "LOLO"), shown)
    fields |= dict.fromkeys(("HHSV", "HSV", "LSV", "LLSV"), replace(_SEVERITY, writable=True, property=True))
    return fields | dict.fromkeys(("MDEL", "ADEL"), Field(type_, writable=True))


_ANALOG = _COMMON | _limited(DOUBLE) | {"PREC": _PREC}
_INTEGER = _COMMON | _limited(LONG)
_BINARY = _COMMON | {"ZNAM": _text(26), "ONAM": _text(26), "ZSV": _SEVERITY, "OSV": _SEVERITY, "COSV": _SEVERITY}
_MULTIPLE = _COMMON | {
    **{f"{state}ST": _text(26) for state in STATES},
    **{f"{state}VL": Field(DOUBLE, whole=True) for state in STATES},
}
_ARRAY = _COMMON | {
    "EGU": _EGU, "PREC": _PREC, "FTVL": _menu(ELEMENTS),
    "NELM": Field(DOUBLE, whole=True), "NORD": Field(DOUBLE, whole=True),
    "HOPR": Field(DOUBLE, writable=True, property=True), "LOPR": Field(DOUBLE, writable=True, property=True),
}  # fmt: skip

FIELDS: Mapping[str, Mapping[str, Field]] = {
    "ai": _ANALOG, "ao": _ANALOG, "longin": _INTEGER, "longout": _INTEGER, "bi": _BINARY, "bo": _BINARY,
    "mbbi": _MULTIPLE, "mbbo": _MULTIPLE, "stringin": _COMMON, "stringout": _COMMON, "waveform": _ARRAY,
}  # fmt: skip
