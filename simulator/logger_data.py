"""Logged data of the facility: every device is logged once a second, for ever (dpm-http.md 7.1, 8.4). Pure.

The models know the past, so nothing needs to be recorded. Settings have no past but the last one.
"""

import numpy as np

from gateway.core.drf import DataRequest, Property
from gateway.core.status import NO_NODE, Status
from gateway.wire import dpm
from simulator.dpm_replies import POINTS, status_reply
from simulator.facility import Facility

LOGGED_NS = 1_000_000_000
MOST_POINTS = 50_000  # of one answer; a longer window is answered from its newest end
BAD_FORMAT = Status(17, -43)
NO_SOURCE = Status(17, -42)
NO_LOGGED_DATA = Status(66, -64)

LIVE = ("", "LIVEDATA", "FTP")
_LOGGERS = ("LOGGER", "LOGGERDURATION", "LOGGERSINGLE")


def source_word(source: str) -> str:
    """The keyword of a source, in capitals; empty for none."""
    return source.partition(":")[0].partition("[")[0].strip().upper()


def source_status(source: str, now_ns: int) -> Status | None:
    """Why a source is not served: 17/-42 for one that the facility has not, 17/-43 for bad parameters; else None."""
    word = source_word(source)
    if word in LIVE:
        return None
    if word not in _LOGGERS:
        return NO_SOURCE
    return BAD_FORMAT if _window(source, now_ns) is None else None


def _window(source: str, now_ns: int) -> tuple[int, int] | None:
    """Beginning and end of what is wanted, Unix, ns; of a single point: its time, and how far off it may be."""
    word, *rest = source.split(":")
    numbers = [int(part) if part.isascii() and part.isdigit() else None for part in rest]
    kind = word.strip().upper()
    if kind == "LOGGER" and len(numbers) in (2, 3):
        first, last = numbers[:2]
        if first is not None and last is not None and first <= last:
            return first * 1_000_000, min(last * 1_000_000, now_ns)
    if kind == "LOGGERDURATION" and len(numbers) in (1, 2) and numbers[0] is not None:
        return now_ns - numbers[0] * 1_000_000, now_ns
    if kind == "LOGGERSINGLE" and len(numbers) == 3 and numbers[1] is not None and numbers[2] is not None:
        return numbers[1] * 1_000_000_000, numbers[2] * 1_000_000_000
    return None


def logged(facility: Facility, ref_id: int, request: DataRequest, source: str, now_ns: int) -> list[dpm.Reply]:
    """The whole answer to a logger request whose source was found good."""
    window = _window(source, now_ns)
    numeric = request.property in (Property.READING, Property.SETTING) and request.field in ("SCALED", "PRIMARY")
    if window is None or not numeric or facility.silent(request):
        return [status_reply(ref_id, NO_NODE, now_ns)]
    if source_word(source) == "LOGGERSINGLE":
        return [_point(facility, ref_id, request, *window, now_ns)]
    first = max(window[0], window[1] - MOST_POINTS * LOGGED_NS)
    stamps = np.arange(-(-first // LOGGED_NS), window[1] // LOGGED_NS + 1, dtype=np.int64) * LOGGED_NS
    values = np.zeros(len(stamps))
    for place, stamp in enumerate(stamps.tolist()):
        value, _ = facility.read(request, stamp)
        if not isinstance(value, float):
            return [status_reply(ref_id, NO_NODE, now_ns)]
        values[place] = value
    replies: list[dpm.Reply] = []
    for start in (*range(0, len(stamps), POINTS), len(stamps)):  # the last one is empty: the end mark
        part = slice(start, start + POINTS)
        micros = stamps[part] // 1000
        cycle = len(replies)
        replies.append(dpm.TimedScalarArrayReply(ref_id, now_ns // 1_000_000, cycle, 0, values[part], micros))
    return replies


def _point(
    facility: Facility, ref_id: int, request: DataRequest, wanted_ns: int, accuracy_ns: int, now_ns: int
) -> dpm.Reply:
    """The logged point nearest to a time, or 66/-64."""
    stamp = min(round(wanted_ns / LOGGED_NS), now_ns // LOGGED_NS) * LOGGED_NS
    value, status = facility.read(request, stamp)
    if not isinstance(value, float):
        return status_reply(ref_id, status if status.failed else NO_LOGGED_DATA, now_ns)
    if abs(stamp - wanted_ns) > accuracy_ns:
        return status_reply(ref_id, NO_LOGGED_DATA, now_ns)
    return dpm.ScalarReply(ref_id, stamp // 1_000_000, 0, 0, value)
