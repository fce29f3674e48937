"""STATUS and CONTROL of a simulated device: a word, what its bits mean, and commands that act on them (values.md 4)."""

from gateway.core.blocks import BasicStatus
from gateway.core.device_info import StatusBit
from gateway.core.status import INVLEN, OK, SCALEFAIL, Status
from gateway.core.values import SettingValue
from simulator.answer import NO_SCALE, Answer, good
from simulator.device_spec import CommandSpec, StatusSpec

BAD_CODE = Status(1, -43)  # a command below 0 or above 255
_LABELS = ("Pwr", "Sts", "Ctrl", "Pol", "Ref")
_STANDARD = {"ON": 0, "READY": 1, "REMOTE": 2, "POSITIVE": 3, "RAMP": 4}
_READY = 1


class StatusWord:
    """The word of one device and its commands. Not thread-safe: the facility holds the lock."""

    def __init__(self, spec: StatusSpec, commands: tuple[CommandSpec, ...]) -> None:
        self._spec = spec
        self._commands = commands
        self.word = spec.word
        self.since_ns = 0  # when it changed

    @property
    def atomic(self) -> int:
        """Bytes of the word."""
        return self._spec.length

    def state(self, bit: StatusBit) -> bool:
        """Whether the attribute is true: inverted before the mask (values.md 4.1)."""
        word = ~self.word if bit.invert else self.word
        return (word & bit.mask) == bit.match

    def _set(self, order: int, state: bool, t_ns: int) -> None:
        """Make an attribute true or false, if it is defined."""
        for bit in self._spec.bits:
            if bit.order == order and self.state(bit) is not state:
                wanted = bit.match if state else bit.match ^ bit.mask
                wanted = wanted ^ bit.mask if bit.invert else wanted
                self.word = (self.word & ~bit.mask) | wanted
                self.since_ns = t_ns

    def read(self, field: str | None) -> Answer:
        """The status in one of its fields; 14/-7 for an attribute that is not defined."""
        if field in _STANDARD:
            states = self._basic()
            state = states[_STANDARD[field]]
            return NO_SCALE if state is None else good(float(state))
        if field == "RAW":
            return good(self.word.to_bytes(self._spec.length, "little"))
        if field == "BIT_VALUE":  # four bytes arrive signed (values.md 4.2)
            signed = self.word - (1 << 32) if self._spec.length == 4 and self.word >> 31 else self.word
            return good(float(signed))
        if field in (None, "ALL"):
            return good(BasicStatus(*self._basic()))
        return good(self._texts(field))

    def _basic(self) -> list[bool | None]:
        states: list[bool | None] = [None] * 5
        for bit in self._spec.bits:
            if bit.order < 5:
                states[bit.order] = self.state(bit)
        return states

    def _texts(self, field: str) -> str | tuple[str, ...]:
        """TEXT, EXTENDED_TEXT, BIT_NAMES, BIT_VALUES."""
        shown = {bit.order: bit.true_text if self.state(bit) else bit.false_text for bit in self._spec.bits}
        if field == "TEXT":
            return "".join((shown.get(order) or " ")[0].upper() for order in range(5))
        if field == "EXTENDED_TEXT":
            labels = {bit.order: _LABELS[bit.order] if bit.order < 5 else bit.name for bit in self._spec.bits}
            return tuple(text for order in sorted(shown) for text in (labels[order], shown[order]))
        places = [""] * (8 * self._spec.length)
        for bit in self._spec.bits:
            lowest = (bit.mask & -bit.mask).bit_length() - 1
            places[lowest] = bit.name if field == "BIT_NAMES" else shown[bit.order]
        return tuple(places)

    def command(self, field: str | None, value: SettingValue, t_ns: int) -> Status:
        """Execute one command: its code, its name, or (RAW) the hardware word, which here is the code too."""
        found = self._found(field, value)
        if isinstance(found, Status):
            return found
        if found.order is not None and not (found.order == _READY and found.state and self._spec.fault):
            self._set(found.order, found.state, t_ns)
        return OK

    def _found(self, field: str | None, value: SettingValue) -> CommandSpec | Status:
        if isinstance(value, bytes):
            if len(value) != self.atomic:
                return INVLEN
            code = int.from_bytes(value, "little")
            return next((spec for spec in self._commands if spec.command.code == code), SCALEFAIL)
        if field == "RAW":
            return SCALEFAIL
        if isinstance(value, str | tuple):
            if isinstance(value, tuple) and len(value) != 1:
                return INVLEN
            name = (value if isinstance(value, str) else value[0]).strip().upper()
            named = (spec for spec in self._commands if name in (spec.command.name, spec.long_name.upper()))
            return next(named, SCALEFAIL)
        numbers = [value] if isinstance(value, int | float) else value.tolist()
        if len(numbers) != 1:
            return INVLEN
        if not -0.5 < numbers[0] < 255.5:
            return BAD_CODE
        code = round(numbers[0])
        return next((spec for spec in self._commands if spec.command.code == code), SCALEFAIL)
