"""What a simulated device is before anything happens to it: frozen values, read from the facility file."""

import math
from dataclasses import dataclass
from enum import Enum

from gateway.core.device_info import Command, PropertyInfo, StatusBit
from gateway.core.status import OK, Status
from simulator.models import Constant, Model

_ZERO = Constant()


class Behaviour(Enum):
    """What an accepted setting does."""

    FOLLOW = "follow"  # SETTING is what was asked for, READING settles to it
    CLIP = "clip"  # as FOLLOW, but the front end holds the value within the limits of the setting
    IGNORE = "ignore"  # SETTING is what was asked for, READING does not move
    STUCK = "stuck"  # status 0, but neither SETTING nor READING changes
    REFUSE = "refuse"  # the front end answers with `DeviceSpec.refusal`


@dataclass(frozen=True, slots=True)
class Scale:
    """How raw bytes become numbers: primary = raw * step, common = primary * slope + offset."""

    raw: str = "float32"  # float32 int8 int16 int32 uint8 uint16
    step: float = 1.0
    slope: float = 1.0
    offset: float = 0.0
    primary_units: str = "V"
    none: bool = False  # no scaling in the database: only RAW can be had (14/-7)


@dataclass(frozen=True, slots=True)
class Settle:
    """How a reading follows its setting: it arrives after `seconds`, and is there exactly."""

    seconds: float = 0.0
    linear: bool = False  # else first order, five time constants long


@dataclass(frozen=True, slots=True)
class StatusSpec:
    """The STATUS word and what its bits mean."""

    length: int  # bytes: 1, 2 or 4
    word: int  # at the start
    bits: tuple[StatusBit, ...]
    fault: bool = False  # RESET does not help


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command, and the attribute (order number) that it sets to a state; None: it changes nothing."""

    command: Command
    long_name: str
    order: int | None = None
    state: bool = True


@dataclass(frozen=True, slots=True)
class AnalogSpec:
    """The analog alarm block at the start, limits in engineering units."""

    minimum: float
    maximum: float
    enable: bool = True
    abort: bool = False
    abort_inhibit: bool = False
    tries_needed: int = 1
    text: str = ""  # what the alarm says
    event: bool = False  # an event, not an exception
    fields: bool = True  # whether single fields can be set; on the server of 2024 they cannot (values.md 11.8)


@dataclass(frozen=True, slots=True)
class DigitalSpec:
    """The digital alarm block at the start, over the STATUS word."""

    nominal: int
    mask: int
    enable: bool = True
    abort: bool = False
    abort_inhibit: bool = False
    tries_needed: int = 1
    event: bool = False  # as of an analog block
    fields: bool = True


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """A simulated device. A property that it lacks is None or empty."""

    name: str  # canonical: upper case, with colon
    index: int
    description: str = ""
    long_name: str = ""
    alarm_list: str = ""
    event: str = "p,1000"  # its default event, in DRF's language
    model: Model = _ZERO  # of READING; added to the setting, where there is one
    reading: PropertyInfo | None = None
    setting: PropertyInfo | None = None
    initial: tuple[float, ...] = ()  # of SETTING
    texts: tuple[str, ...] = ()  # text devices: the states that there are; empty: any text
    initial_texts: tuple[str, ...] = ()
    text_size: int = 16  # bytes of one text as RAW
    scale: Scale = Scale()
    settle: Settle = Settle()
    behaviour: Behaviour = Behaviour.FOLLOW
    refusal: Status = OK
    offset: float = 0.0  # by which READING misses SETTING
    silent: bool = False  # its front end never answers: 1/-49, late
    status: StatusSpec | None = None
    commands: tuple[CommandSpec, ...] = ()
    analog: AnalogSpec | None = None
    digital: DigitalSpec | None = None
    protection: int = 0  # bit mask of the console classes that may set it without a role


STANDARD_BITS = (
    ("ON", "on", "off"),
    ("READY", "ready", "tripped"),
    ("REMOTE", "remote", "local"),
    ("POSITIVE", "positive", "negative"),
    ("RAMP", "ramping", "DC"),
)  # name, true text, false text; the place is the order number (values.md 4.1)

STANDARD_COMMANDS: dict[str, tuple[int, int, bool]] = {
    "RESET": (0, 1, True),
    "ON": (1, 0, True),
    "OFF": (2, 0, False),
    "POSITIVE": (3, 3, True),
    "NEGATIVE": (4, 3, False),
    "RAMP": (5, 4, True),
    "DC": (6, 4, False),
    "LOCAL": (7, 2, False),
    "REMOTE": (8, 2, True),
    "TRIP": (9, 1, False),
}  # code, order of the attribute, state afterwards (values.md 4.3)

NAN = math.nan
