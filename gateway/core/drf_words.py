"""The words of DRF: properties, fields, and which field a property has (drf.md 3.1, 4, 6)."""

from enum import Enum

LONGEST = 512  # characters of a request (drf.md 13)


class Property(Enum):
    """A property of an ACNET device; the value is its canonical word."""

    READING = "READING"
    SETTING = "SETTING"
    STATUS = "STATUS"
    CONTROL = "CONTROL"
    ANALOG = "ANALOG"
    DIGITAL = "DIGITAL"
    DESCRIPTION = "DESCRIPTION"
    INDEX = "INDEX"
    LONG_NAME = "LONG_NAME"
    ALARM_LIST_NAME = "ALARM_LIST_NAME"
    BIT_STATUS = "BIT_STATUS"


SEPARATORS = {
    ":": Property.READING,
    "?": Property.READING,
    "_": Property.SETTING,
    "|": Property.STATUS,
    "&": Property.CONTROL,
    "@": Property.ANALOG,
    "$": Property.DIGITAL,
    "~": Property.DESCRIPTION,
    "^": Property.INDEX,
    "#": Property.LONG_NAME,
    "!": Property.ALARM_LIST_NAME,
}

PROPERTY_WORDS = {
    word: found
    for found, words in {
        Property.READING: "READING READ PRREAD",
        Property.SETTING: "SETTING SET PRSET",
        Property.STATUS: "STATUS BASIC_STATUS STS PRBSTS",
        Property.CONTROL: "CONTROL BASIC_CONTROL CTRL PRBCTL",
        Property.ANALOG: "ANALOG ANALOG_ALARM AA PRANAB",
        Property.DIGITAL: "DIGITAL DIGITAL_ALARM DA PRDABL",
        Property.DESCRIPTION: "DESCRIPTION DESC PRDESC",
        Property.INDEX: "INDEX IDX PRIDX",
        Property.LONG_NAME: "LONG_NAME LNGNAM PRLNAM",
        Property.ALARM_LIST_NAME: "ALARM_LIST_NAME LSTNAM PRALNM",
        Property.BIT_STATUS: "BIT_STATUS BITSTATUS",
    }.items()
    for word in words.split()
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VALUE = _words("RAW PRIMARY SCALED MIN MAX UNITS")
_BITS = _words("RAW ALL TEXT ON READY REMOTE POSITIVE RAMP BIT_VALUE BIT_NAMES BIT_VALUES")
_ALARM = _words("RAW ALL TEXT NOM ALARM_ENABLE ALARM_STATUS TRIES_NEEDED TRIES_NOW ALARM_FTD ABORT ABORT_INHIBIT FLAGS")
_TEXT = _words("SCALED")

FIELDS = {
    Property.READING: _VALUE,
    Property.SETTING: _VALUE,
    Property.STATUS: _BITS | {"EXTENDED_TEXT"},
    Property.CONTROL: _words("RAW SCALED"),
    Property.ANALOG: _ALARM | _words("MIN MAX TOL RAW_MIN RAW_MAX RAW_NOM RAW_TOL"),
    Property.DIGITAL: _ALARM | {"MASK"},
    Property.DESCRIPTION: _TEXT,
    Property.INDEX: _TEXT,
    Property.LONG_NAME: _TEXT,
    Property.ALARM_LIST_NAME: _TEXT,
    Property.BIT_STATUS: _BITS,
}

_FURTHER_FIELD_WORDS = {
    "VOLTS": "PRIMARY",
    "COMMON": "SCALED",
    "MINIMUM": "MIN",
    "MAXIMUM": "MAX",
    "NOMINAL": "NOM",
    "TOLERANCE": "TOL",
    "RAWMIN": "RAW_MIN",
    "RAWMAX": "RAW_MAX",
    "RAWNOM": "RAW_NOM",
    "RAWTOL": "RAW_TOL",
    "ENABLE": "ALARM_ENABLE",
    "STATUS": "ALARM_STATUS",
    "FTD": "ALARM_FTD",
}
FIELD_WORDS = {name: name for names in FIELDS.values() for name in names} | _FURTHER_FIELD_WORDS

# What the parsed field is when none is written; the others have None (drf.md 6.1).
DEFAULT_FIELD = {
    Property.READING: "SCALED",
    Property.SETTING: "SCALED",
    Property.ANALOG: "ALL",
    Property.DIGITAL: "ALL",
}

# How the server behaves when no field is written: what the normal form drops (drf.md 10.2).
ACTING_FIELD = {
    Property.READING: "SCALED",
    Property.SETTING: "SCALED",
    Property.STATUS: "ALL",
    Property.CONTROL: "SCALED",
    Property.ANALOG: "ALL",
    Property.DIGITAL: "ALL",
    Property.DESCRIPTION: "SCALED",
    Property.INDEX: "SCALED",
    Property.LONG_NAME: "SCALED",
    Property.ALARM_LIST_NAME: "SCALED",
}

SOURCE_WORDS = _words("LIVEDATA FTP LOGGER LOGGERDURATION LOGGERSINGLE SRFILE SDAFILE REDIR MIRROR")
