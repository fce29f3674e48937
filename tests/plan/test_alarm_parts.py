"""The parts of alarm blocks."""

from gateway.plan.alarm_parts import ANALOG, DIGITAL
from gateway.plan.model import PvType


def test_limits_are_doubles_patterns_longs_and_switches_have_two_labels() -> None:
    assert {"MIN", "MAX", "NOM", "TOL"} == {part.name for part in ANALOG if part.type is PvType.DOUBLE}
    assert {"NOM", "MASK"} <= {part.name for part in DIGITAL if part.type is PvType.LONG}
    switches = [part for part in (*ANALOG, *DIGITAL) if part.type is PvType.ENUM]
    assert {2} == {len(part.labels) for part in switches}
    assert {"ENABLE", "STATUS", "ABORT", "ABORT_INHIBIT"} == {part.name for part in switches}
