"""The parts of alarm blocks."""

from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.drf import DataRequest
from gateway.plan.alarm_parts import ANALOG, DIGITAL, part_of
from gateway.plan.model import PvType
from tests.plan.planning import planned


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


def test_a_limit_of_a_reading_is_a_part_of_its_alarm_block_where_it_has_one() -> None:
    infos = {"M:X": DeviceInfo("M:X", reading=PropertyInfo(), analog=True)}
    plan = planned("{device: 'M:X'}", "{device: 'M:Y'}", infos=infos)
    names = ("M:X.HIHI", "M:X.LOLO", "M:X.HIGH", "M:Y.HIHI", "M:X", "NO:SUCH.HIHI")
    expected = ["M:X:ALM:MAX", "M:X:ALM:MIN", "M:X.HIGH", "M:Y.HIHI", "M:X", "NO:SUCH.HIHI"]
    assert expected == [part_of(plan, name) for name in names]
