"""What of a running plan a new description of its devices can change: texts, units, limits and labels, never rows.

A PV keeps its type, its length and its row of the table for as long as the plan lives, since Channel Access tells a
client of them only once, when it connects.
"""

from collections.abc import Iterator
from dataclasses import replace

from gateway.core.device_info import PropertyInfo
from gateway.plan.model import DevicePlan

_REMEDY = "a restart serves it"


def redescribed(old: DevicePlan, new: DevicePlan) -> tuple[DevicePlan, tuple[str, ...]]:
    """The device of the running plan with what a fresh plan says of it, and what only a restart can show."""
    before, now = old.info, new.info
    status = before.status and now.status
    info = replace(
        now,
        reading=_kept(before.reading, now.reading),
        setting=_kept(before.setting, now.setting),
        status=before.status,
        bits=now.bits if status else before.bits,
        analog=before.analog,
        digital=before.digital,
    )
    return replace(old, info=info), tuple(_left_out(old, new))


def _kept(before: PropertyInfo | None, now: PropertyInfo | None) -> PropertyInfo | None:
    same_shape = before is not None and now is not None and (before.length, before.text) == (now.length, now.text)
    return now if same_shape else before


def _left_out(old: DevicePlan, new: DevicePlan) -> Iterator[str]:
    before, now = old.info, new.info
    for word, first, then in (("READING", before.reading, now.reading), ("SETTING", before.setting, now.setting)):
        if (first is None) != (then is None):
            yield f"{word} has {'gone' if then is None else 'come'}; {_REMEDY}"
        elif _kept(first, then) is not then:
            yield f"{word} has another length or kind now; {_REMEDY}"
    for word, had, has in (
        ("STATUS", before.status, now.status),
        ("ANALOG", before.analog, now.analog),
        ("DIGITAL", before.digital, now.digital),
    ):
        if had != has:
            yield f"{word} has {'come' if has else 'gone'}; {_REMEDY}"
