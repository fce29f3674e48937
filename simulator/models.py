"""What simulated readings do in time: pure functions of the time and the element, seeded where they are random.

A model never remembers anything: the same time gives the same value for ever, so that past and future can be asked
for (logger data, alarm tries) and two clients see one truth.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_FIRST = np.zeros(1, np.int64)
_OCTAVES = 14  # a random walk wanders over 2**14 steps before it repeats its scale


class Model(Protocol):
    """A value for each element at each time."""

    def values(self, t_ns: int, elements: IntArray) -> FloatArray:
        """The values at `t_ns` (Unix, ns) of the elements with these numbers, float64[len(elements)]."""
        ...


def value(model: Model, t_ns: int, element: int = 0) -> float:
    """The value of one element."""
    elements = _FIRST if element == 0 else np.array([element], np.int64)
    return float(model.values(t_ns, elements)[0])


@dataclass(frozen=True, slots=True)
class Constant:
    """Always `value`; each further element `slope` more."""

    value: float = 0.0
    slope: float = 0.0

    def values(self, t_ns: int, elements: IntArray) -> FloatArray:  # noqa: ARG002
        """See `Model`."""
        return self.value + self.slope * elements.astype(np.float64)


@dataclass(frozen=True, slots=True)
class Stuck:
    """Always `value`, and a setting does not move it either."""

    value: float = 0.0

    def values(self, t_ns: int, elements: IntArray) -> FloatArray:  # noqa: ARG002
        """See `Model`."""
        return np.full(len(elements), self.value, np.float64)


@dataclass(frozen=True, slots=True)
class Sine:
    """A sine around `mean`; each further element is `phase_step` (radians) ahead."""

    mean: float = 0.0
    amplitude: float = 1.0
    period_s: float = 60.0
    phase_step: float = 0.1

    def values(self, t_ns: int, elements: IntArray) -> FloatArray:
        """See `Model`."""
        angle = 2 * math.pi * _phase(t_ns, self.period_s)
        wave: FloatArray = self.mean + self.amplitude * np.sin(angle + self.phase_step * elements)
        return wave


@dataclass(frozen=True, slots=True)
class Noise:
    """White Gaussian noise, one draw per microsecond, independent for each element."""

    mean: float = 0.0
    sigma: float = 1.0
    seed: int = 1

    def values(self, t_ns: int, elements: IntArray) -> FloatArray:
        """See `Model`."""
        return self.mean + self.sigma * _gauss(self.seed, t_ns // 1000, elements)


@dataclass(frozen=True, slots=True)
class RandomWalk:
    """A walk around `start` that moves by about `step` in `step_s` seconds, and wanders 2**7 steps at most.

    It is a sum of interpolated noises whose amplitude grows with the root of their period, as a walk's does: so it
    needs no past.
    """

    start: float = 0.0
    step: float = 1.0
    step_s: float = 1.0
    seed: int = 1

    def values(self, t_ns: int, elements: IntArray) -> FloatArray:
        """See `Model`."""
        total = np.full(len(elements), self.start, np.float64)
        for octave in range(_OCTAVES):
            knot, rest = divmod(t_ns, int(self.step_s * 1e9) << octave)
            part = rest / (self.step_s * 1e9 * (1 << octave))
            seed = self.seed + 1000 * octave
            before, after = _gauss(seed, knot, elements), _gauss(seed, knot + 1, elements)
            total += self.step * 2 ** (octave / 2) * 0.4 * (before + part * (after - before))
        return total


@dataclass(frozen=True, slots=True)
class Ramp:
    """A saw tooth from `low` up to `high`; each further element is `phase_step` (periods) ahead."""

    low: float = 0.0
    high: float = 1.0
    period_s: float = 10.0
    phase_step: float = 0.0

    def values(self, t_ns: int, elements: IntArray) -> FloatArray:
        """See `Model`."""
        phases = (_phase(t_ns, self.period_s) + self.phase_step * elements.astype(np.float64)) % 1.0
        return self.low + (self.high - self.low) * phases


@dataclass(frozen=True, slots=True)
class Square:
    """`low` for the first part of each period, then `high` for the `duty` that is left."""

    low: float = 0.0
    high: float = 1.0
    period_s: float = 10.0
    duty: float = 0.5

    def values(self, t_ns: int, elements: IntArray) -> FloatArray:
        """See `Model`."""
        return np.full(
            len(elements), self.high if _phase(t_ns, self.period_s) >= 1 - self.duty else self.low, np.float64
        )


@dataclass(frozen=True, slots=True)
class Replay:
    """Recorded values, each held until the next, over and over; all elements alike."""

    times_ns: tuple[int, ...]  # from the first one, which is 0; ascending
    recorded: tuple[float, ...]
    period_ns: int  # after which it begins again

    def values(self, t_ns: int, elements: IntArray) -> FloatArray:
        """See `Model`."""
        place = int(np.searchsorted(np.array(self.times_ns), t_ns % self.period_ns, side="right")) - 1
        return np.full(len(elements), self.recorded[place], np.float64)


def replay(text: str) -> Replay:
    """A Replay of CSV text, `seconds,value` per line; ValueError names the line that is wrong.

    Lines that are empty or begin with `#` do not count. The last value is held as long as the one before it.
    """
    times: list[float] = []
    recorded: list[float] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(",")
        try:
            second, reading = (float(word) for word in words)
        except ValueError:
            raise ValueError(f"line {number}: {line!r} is not `seconds,value`") from None
        times.append(second)
        recorded.append(reading)
    if len(times) < 2 or any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError("a replay needs at least two lines, with ascending seconds")
    stamps = tuple(round((second - times[0]) * 1e9) for second in times)
    return Replay(stamps, tuple(recorded), 2 * stamps[-1] - stamps[-2])


@dataclass(frozen=True, slots=True)
class Sum:
    """Several models added up, for example a sine with noise."""

    parts: tuple[Model, ...]

    def values(self, t_ns: int, elements: IntArray) -> FloatArray:
        """See `Model`."""
        total = np.zeros(len(elements))
        for part in self.parts:
            total += part.values(t_ns, elements)
        return total


KINDS: dict[str, type[Model]] = {
    "constant": Constant,
    "stuck": Stuck,
    "sine": Sine,
    "noise": Noise,
    "random_walk": RandomWalk,
    "ramp": Ramp,
    "square": Square,
}


def seeded(model: Model, seed: int) -> Model:
    """The same model with a seed of its own, so that no two devices make the same noise."""
    if isinstance(model, Sum):
        return Sum(tuple(seeded(part, seed + number) for number, part in enumerate(model.parts)))
    return replace(model, seed=seed) if isinstance(model, Noise | RandomWalk) else model


def _phase(t_ns: int, period_s: float) -> float:
    """How much of the present period is over, 0 to 1. In whole numbers first: a double cannot hold ns since 1970."""
    period_ns = max(1, round(period_s * 1e9))
    return (t_ns % period_ns) / period_ns


def _gauss(seed: int, tick: int, elements: IntArray) -> FloatArray:
    """Independent normal deviates, one per element, from (seed, tick, element) alone."""
    start = np.uint64((seed * 0x9E3779B97F4A7C15 + tick * 0xD1B54A32D192ED03) & 0xFFFFFFFFFFFFFFFF)
    keys = start ^ (elements.astype(np.uint64) * np.uint64(0x8CB92BA72F3D8DD7))
    first, second = _uniform(keys), _uniform(keys ^ np.uint64(0xA0761D6478BD642F))
    deviates: FloatArray = np.sqrt(-2.0 * np.log(first)) * np.cos(2 * math.pi * second)
    return deviates


def _uniform(keys: npt.NDArray[np.uint64]) -> FloatArray:
    """Numbers above 0, at most 1: the finalizer of splitmix64."""
    mixed = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return ((mixed >> np.uint64(11)).astype(np.float64) + 1.0) / 2.0**53
