"""The parts of alarm blocks."""

from gateway.core.drf import DataRequest
from gateway.plan.alarm_parts import ANALOG, DIGITAL
from gateway.plan.model import PvType


def test_limits_are_doubles_patterns_longs_and_switches_have_two_labels() -> None:
    assert {"MIN", "MAX", "NOM", "TOL"} == {part.name for part in ANALOG if part.type is PvType.DOUBLE}
    assert {"NOM", "MASK"} <= {part.name for part in DIGITAL if part.type is PvType.LONG}
    switches = [part for part in (*ANALOG, *DIGITAL) if part.type is PvType.ENUM]
    assert {2} == {len(part.labels) for part in switches}
    assert {"ENABLE", "STATUS", "ABORT", "ABORT_INHIBIT", "EVENT"} == {part.name for part in switches}


def test_what_a_client_may_set_is_a_field_that_can_be_set() -> None:
    for prop, parts in (("ANALOG", ANALOG), ("DIGITAL", DIGITAL)):
        for part in parts:
            if part.field:
                assert DataRequest.parse(f"M:X.{prop}.{part.field}@N").settable_reason() is None
        assert {"STATUS", "ABORT", "TRIES_NOW", "EVENT"} == {part.name for part in parts if not part.field}
