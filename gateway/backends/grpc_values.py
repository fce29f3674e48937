"""What Read brings -> Readings and Arrived: words of bits, labels of a status, stamps that are missing."""

import logging
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from gateway.backends.dpm_readings import WORD, Arrived, Ints, is_word
from gateway.core.blocks import BasicStatus
from gateway.core.device_info import DeviceInfo, StatusBit
from gateway.core.drf import DataRequest
from gateway.core.status import RETRY
from gateway.core.values import Reading, Value
from gateway.wire.daq_replies import END, Replies, Sample
from gateway.wire.daq_values import StatusTexts, WireValue

_log = logging.getLogger(__name__)


class Labels:
    """The status bits of devices, learned from whoever knows them: a status comes in their words (dpm-grpc.md 5.3)."""

    def __init__(self) -> None:
        self._bits: dict[str, tuple[StatusBit, ...]] = {}
        self._told = False  # of words that nobody has explained

    def learn(self, infos: Mapping[str, DeviceInfo]) -> None:
        """Remember the bits of these devices."""
        self._bits.update({device: info.bits for device, info in infos.items()})

    def value(self, request: DataRequest, value: WireValue | None) -> Value | None:
        """The value as this program has it; a status whose words nobody has explained is labels and texts in turn."""
        if isinstance(value, StatusTexts):
            status = BasicStatus.from_texts(value.texts, self._bits.get(request.device, ()))
            if status.attributes():
                return status
            if not self._told:
                self._told = True
                remedy = "configure metadata: {url: devdb+grpc://HOST:PORT}"
                _log.warning("%s comes in words of the device that nobody has explained here; %s", request, remedy)
            return value.pairs()
        return value + WORD if isinstance(value, float) and value < 0 and is_word(request) else value


def reading_of(request: DataRequest, sample: Sample, labels: Labels, now_ns: int) -> Reading:
    """The Reading that a sample makes; what has no stamp came now."""
    value = labels.value(request, sample.value)
    status = RETRY if value is None and sample.status.good else sample.status
    return Reading(request, value, sample.stamp_ns or now_ns, status, sample.message)


def arrived(
    replies: Replies,
    refs: Ints,
    words: npt.NDArray[np.bool_] | None,
    request_of: Callable[[int], DataRequest | None],
    labels: Labels,
    now_ns: int,
) -> tuple[Arrived, int]:
    """What replies bring for the references of a list, by index, and how many were for none of them.

    `words` says of each reference whether its scalars are words of bits; None: none are.
    """
    known = replies.index < len(refs)
    strangers = 0
    index, stamp, value, status = replies.index, replies.stamp_ns, replies.value, replies.status
    before = None  # how many known rows there are before each row
    if not known.all():
        strangers = int(len(known) - known.sum())
        before = np.concatenate(([0], np.cumsum(known)))
        index, stamp, value, status = index[known], stamp[known], value[known], status[known]
    ref = refs[index]
    if words is not None:
        value = np.where(words[ref] & (value < 0), value + WORD, value)
    if len(stamp) and not stamp.all():
        stamp = np.where(stamp == 0, now_ns, stamp)
    others = []
    for after, number, sample in replies.others:
        if number >= len(refs):
            strangers += 1
        elif sample is not END and (request := request_of(int(refs[number]))) is not None:
            place = after if before is None else int(before[after])
            others.append((place, int(refs[number]), reading_of(request, sample, labels, now_ns)))
    return Arrived(ref, stamp, value, status, tuple(others)), strangers
