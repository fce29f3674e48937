"""Which record a PV is."""

import pytest

from gateway.plan.model import PvSpec, PvType, Role
from gateway.plan.record import record_type


@pytest.mark.parametrize(
    ("kind", "length", "labels", "taken", "given"),
    [
        (PvType.DOUBLE, 1, (), "ai", "ao"),
        (PvType.LONG, 1, (), "longin", "longout"),
        (PvType.STRING, 1, (), "stringin", "stringout"),
        (PvType.ENUM, 1, ("off", "on"), "bi", "bo"),
        (PvType.ENUM, 1, ("a", "b", "c"), "mbbi", "mbbo"),
        (PvType.ENUM, 1, ("a",), "mbbi", "mbbo"),
        (PvType.DOUBLE, 4, (), "waveform", "waveform"),
        (PvType.TEXT, 64, (), "waveform", "waveform"),
        (PvType.BYTES, 1, (), "waveform", "waveform"),
    ],
)
def test_a_pv_that_can_be_put_to_is_an_output_record(
    kind: PvType, length: int, labels: tuple[str, ...], taken: str, given: str
) -> None:
    def spec(role: Role, writable: bool) -> PvSpec:
        return PvSpec("X", role, kind, length, "X", -1, writable, labels=labels)

    assert taken == record_type(spec(Role.READING, False))
    assert [given] * 3 == [
        record_type(spec(*what)) for what in ((Role.READING, True), (Role.SETPOINT, False), (Role.COMMAND, False))
    ]
