from dataclasses import dataclass
from typing import Annotated

import pytest

from gateway.core.errors import ProtocolError
from gateway.wire import pc
from gateway.wire.dpm_layout import layout_of, struct_of

KEYS = {"first": 1, "second": -2, "third": 3}


@dataclass(frozen=True, slots=True)
class Sample:
    first: Annotated[int, pc.INT16]
    second: Annotated[str, pc.STRING]
    third: Annotated[bool, pc.BOOL] | None = None


LAYOUT = layout_of(Sample, KEYS)
WHOLE = bytes.fromhex("5106 1101 1107 11fe 410178 1103 71")


def test_fields_are_written_in_their_order_with_their_keys() -> None:
    assert LAYOUT.pack(Sample(7, "x", True)) == WHOLE
    assert LAYOUT.unpack(WHOLE + b"behind", 0) == (Sample(7, "x", True), len(WHOLE))


def test_an_absent_field_is_not_there_and_the_count_shrinks() -> None:
    short = bytes.fromhex("5104 1101 1107 11fe 410178")
    assert LAYOUT.pack(Sample(7, "x")) == short
    assert LAYOUT.unpack(short, 0) == (Sample(7, "x"), len(short))


def test_any_order_is_read() -> None:
    assert LAYOUT.unpack(bytes.fromhex("5104 11fe 410178 1101 1107"), 0)[0] == Sample(7, "x")


def test_a_required_field_cannot_be_left_out_when_writing() -> None:
    with pytest.raises(ProtocolError, match="second is missing"):
        LAYOUT.pack(Sample(7, None, True))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("5103 1101 1107 11fe", "wrong number"),
        ("5102 1101 1107", "wrong number"),
        ("5108 1101 1107 11fe 410178 1103 71 1104 71", "wrong number"),
        ("5104 1101 1107 1109 410178", "unknown field 9"),
        ("5104 1101 1107 1101 1108", "first is there twice"),
        ("5104 1101 1107 1103 71", "second is missing"),
        ("5104 1101 1107 11fe", "missing at byte 8"),
        ("51ff", "does not fit"),
    ],
)
def test_a_bad_field_list_is_refused(octets: str, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        LAYOUT.unpack(bytes.fromhex(octets), 0)


def test_a_struct_is_its_field_list() -> None:
    kind = struct_of(Sample, KEYS)
    assert kind.pack(Sample(7, "x", True)) == WHOLE
    assert kind.unpack(WHOLE, 0) == (Sample(7, "x", True), len(WHOLE))
    with pytest.raises(ProtocolError, match="is not a Sample"):
        kind.pack("x")
