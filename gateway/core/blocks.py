"""The STATUS word and the alarms as structures: BasicStatus, AnalogAlarm, DigitalAlarm (values.md 4, 5.5, 5.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.core.alarm_block import AlarmBlock, AlarmFlag, Ftd
from gateway.core.device_info import StatusBit

__all__ = [
    "ATTRIBUTES",
    "AlarmBlock",
    "AlarmFlag",
    "AnalogAlarm",
    "BasicStatus",
    "DigitalAlarm",
    "Ftd",
    "LabelledBit",
    "basic_status",
    "digital_bad",
    "evaluate_bits",
    "status_bits",
    "status_word",
]

ATTRIBUTES = ("on", "ready", "remote", "positive", "ramp")  # in the order of StatusBit.order
_WORDS = {"True": True, "False": False}
_MASKS = {1: 0xFF, 2: 0xFFFF, 4: 0xFFFFFFFF}


@dataclass(frozen=True, slots=True)
class BasicStatus:
    """The five standard attributes; None is one that the device does not have."""

    on: bool | None = None
    ready: bool | None = None
    remote: bool | None = None
    positive: bool | None = None
    ramp: bool | None = None

    def attributes(self) -> dict[str, bool]:
        """Those that the device has, by name."""
        states = ((name, getattr(self, name)) for name in ATTRIBUTES)
        return {name: state for name, state in states if state is not None}

    @classmethod
    def from_attributes(cls, states: Mapping[str, bool]) -> "BasicStatus":
        """The other way; other names are left out."""
        return cls(**{name: states[name] for name in ATTRIBUTES if name in states})

    @classmethod
    def from_map(cls, texts: Mapping[str, str]) -> "BasicStatus | None":
        """From a map of label to text, if it is one of attribute names to booleans; None: they are texts."""
        if texts and all(key in ATTRIBUTES and value in _WORDS for key, value in texts.items()):
            return cls.from_attributes({key: _WORDS[value] for key, value in texts.items()})
        return None

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], definitions: Sequence[StatusBit]) -> "BasicStatus":
        """From a map of label to state text, by the names and texts of `definitions`; case does not matter.

        What is not found there is left out: nothing is guessed from English words.
        """
        by_label = {label.upper(): text.upper() for label, text in texts.items()}
        states = {}
        for bit in definitions:
            text = by_label.get(bit.name.upper())
            if text is not None and bit.order < len(ATTRIBUTES):
                for state, wanted in ((True, bit.true_text), (False, bit.false_text)):
                    if text == wanted.upper():
                        states[ATTRIBUTES[bit.order]] = state
        return cls.from_attributes(states)


@dataclass(frozen=True, slots=True)
class AnalogAlarm:
    """An analog alarm block as the server tells it; the limits are in engineering units."""

    minimum: float
    maximum: float
    alarm_enable: bool  # False: bypassed
    alarm_status: bool  # True: in alarm
    abort: bool
    abort_inhibit: bool
    tries_needed: int  # consecutive bad samples until it is in alarm, 0..255
    tries_now: int  # of them so far, 0..255


@dataclass(frozen=True, slots=True)
class DigitalAlarm:
    """A digital alarm block as the server tells it; nominal and mask are unsigned 32-bit patterns."""

    nominal: int
    mask: int
    alarm_enable: bool  # False: bypassed
    alarm_status: bool  # True: in alarm
    abort: bool
    abort_inhibit: bool
    tries_needed: int  # 0..255
    tries_now: int  # 0..255


@dataclass(frozen=True, slots=True)
class LabelledBit:
    """One bit of STATUS.BIT_VALUE with its texts; either text may be empty, not both."""

    position: int  # bit number
    name: str
    text: str  # of the present state
    set: bool


def status_word(value: float) -> int:
    """BIT_VALUE as unsigned word: words of four bytes arrive as signed numbers. ValueError unless it is finite."""
    if value - value != 0:
        raise ValueError(f"{value} is no status word")
    return int(value) & 0xFFFFFFFF


def evaluate_bits(word: int, length: int, definitions: Sequence[StatusBit]) -> tuple[bool, ...]:
    """The state of each definition, in order; `length` is that of the word, 1, 2 or 4 bytes (values.md 4.1)."""
    straight = word & _MASKS[length]
    # inverted before the mask: not the same as inverting the result when the mask has several bits
    return tuple((~straight if bit.invert else straight) & bit.mask == bit.match for bit in definitions)


def state_of(bit: StatusBit, value: object) -> bool | None:
    """The state of one bit in a STATUS, structured or as a word; None where the device lacks it, or it is unknown."""
    if isinstance(value, BasicStatus):
        return value.attributes().get(bit.name.lower())
    if not isinstance(value, float) or value - value != 0:
        return None
    return evaluate_bits(status_word(value), 4, (bit,))[0]


def basic_status(word: int, length: int, definitions: Sequence[StatusBit]) -> BasicStatus:
    """The standard attributes among the definitions."""
    standard = [bit for bit in definitions if bit.order < len(ATTRIBUTES)]
    states = evaluate_bits(word, length, standard)
    return BasicStatus.from_attributes({ATTRIBUTES[bit.order]: s for bit, s in zip(standard, states, strict=True)})


def status_bits(word: int, names: Sequence[str], texts: Sequence[str]) -> tuple[LabelledBit, ...]:
    """The labelled bits of BIT_VALUE, BIT_NAMES and BIT_VALUES, whose lengths may differ (values.md 4.2)."""
    bits = []
    for position in range(max(len(names), len(texts))):
        name = names[position] if position < len(names) else ""
        text = texts[position] if position < len(texts) else ""
        if name or text:
            bits.append(LabelledBit(position, name, text, bool(word >> position & 1)))
    return tuple(bits)


def digital_bad(reading: int, nominal: int, mask: int) -> bool:
    """Whether a digital alarm is bad; `reading` is the status word (values.md 5.5)."""
    return (reading ^ nominal) & mask != 0
