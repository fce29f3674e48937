"""gateway/core/alarm_block.py: raw alarm blocks and sampling descriptors."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.alarm_block import SIZE, AlarmBlock, AlarmFlag, Ftd
from gateway.core.errors import BadInput, ProtocolError
from tests.core.vectors import vectors

BLOCKS = vectors("values", "alarm_blocks")
FLAGS = {
    "enabled": AlarmFlag.ENABLE,
    "in_alarm": AlarmFlag.BAD,
    "abort": AlarmFlag.ABORT,
    "abort_inhibit": AlarmFlag.ABORT_INHIBIT,
    "ad_bit": AlarmFlag.DIGITAL,
    "low": AlarmFlag.LOW,
    "high": AlarmFlag.HIGH,
    "event": AlarmFlag.EVENT,
    "log_event": AlarmFlag.LOG,
    "display_event": AlarmFlag.DISPLAY,
}


def block_of(note: str) -> AlarmBlock:
    """The block of the vector with this note."""
    return AlarmBlock.decode(bytes.fromhex(next(vector["hex"] for vector in BLOCKS if vector["note"] == note)))


@pytest.mark.parametrize("vector", BLOCKS, ids=lambda vector: vector["note"])
def test_every_field_of_a_block_is_decoded_and_encoded_again(vector: dict[str, Any]) -> None:
    block = AlarmBlock.decode(bytes.fromhex(vector["hex"]))
    for name in ("flags", "q", "length", "tries_now", "tries_needed"):
        assert vector[name] == getattr(block, name), name
    assert vector["ftd"] == block.ftd.word
    assert vector["fe_data"] == block.front_end.hex()
    for name, flag in FLAGS.items():
        assert vector.get(name, block.has(flag)) == block.has(flag), name
    if vector["kind"] == "analog":
        assert vector["limit_type"] == block.limit_type
        assert vector["k"] == block.flags >> 8 & 3
        assert vector["data_type"] == block.data_type
        assert (vector["value1"], vector["value2"]) == (block.analog_values() or (None, None))
    else:
        assert (vector["nominal"], vector["mask"]) == (block.digital_values() or (None, None))
    assert vector["hex"] == block.encode().hex()


@given(st.binary(min_size=SIZE, max_size=SIZE))
def test_any_block_survives_decoding_and_encoding(raw: bytes) -> None:
    block = AlarmBlock.decode(raw)
    assert raw == block.encode()
    assert (block.length is None) == (block.digital_values() is None)


@given(st.binary(min_size=SIZE, max_size=SIZE))
def test_the_values_of_any_block_can_be_written_back(raw: bytes) -> None:
    block = AlarmBlock.decode(raw)
    digital, analog = block.digital_values(), block.analog_values()
    if digital is not None:
        assert digital == block.with_digital_values(*digital).digital_values()
    if analog is not None and not any(math.isnan(value) for value in analog):
        assert analog == block.with_analog_values(*analog).analog_values()


def test_a_device_may_have_several_segments() -> None:
    raw = bytes(SIZE) + bytes.fromhex(BLOCKS[0]["hex"])
    assert AlarmBlock() == AlarmBlock.decode(raw)
    assert BLOCKS[0]["hex"] == AlarmBlock.decode(raw, 1).encode().hex()


@pytest.mark.parametrize(("length", "segment"), [(0, 0), (19, 0), (20, 1), (39, 1), (20, -1)])
def test_too_few_bytes_are_refused(length: int, segment: int) -> None:
    with pytest.raises(ProtocolError):
        AlarmBlock.decode(bytes(length), segment)


def test_one_flag_is_changed_and_nothing_else() -> None:
    block = block_of("in alarm, high")
    cleared = block.with_flag(AlarmFlag.ENABLE, False)
    assert block.flags - 1 == cleared.flags
    assert block == cleared.with_flag(AlarmFlag.ENABLE, True)


def test_signed_values_fill_the_rest_with_their_sign() -> None:
    block = block_of("enabled, min/max, 2-byte signed").with_analog_values(-2, 3)
    assert (block.first, block.second) == (b"\xfe\xff\xff\xff", b"\x03\x00\x00\x00")


def test_unsigned_values_fill_the_rest_with_zeros() -> None:
    block = block_of("2-byte unsigned, min and max").with_analog_values(0xFFFF, 1.0)
    assert (block.first, block.second) == (b"\xff\xff\x00\x00", b"\x01\x00\x00\x00")


@pytest.mark.parametrize(
    ("note", "first"),
    [
        ("enabled, min/max, 2-byte signed", 32768),
        ("enabled, min/max, 2-byte signed", -32769),
        ("enabled, min/max, 2-byte signed", 1.5),
        ("enabled, min/max, 2-byte signed", math.nan),
        ("enabled, min/max, 2-byte signed", math.inf),
        ("2-byte unsigned, min and max", -1),
        ("4-byte IEEE float, min and max", 1e300),
        ("Q=3 is undefined: no values", 1),
    ],
)
def test_values_that_do_not_fit_the_block_are_refused(note: str, first: float) -> None:
    with pytest.raises(BadInput):
        block_of(note).with_analog_values(first, 0)


@pytest.mark.parametrize(("q", "mask"), [(0, 0x100), (1, -1), (3, 0)])
def test_patterns_that_do_not_fit_the_block_are_refused(q: int, mask: int) -> None:
    with pytest.raises(BadInput):
        AlarmBlock(flags=q << 5).with_digital_values(0, mask)


def test_a_float_of_two_bytes_cannot_be_read() -> None:
    assert AlarmBlock(flags=1 << 5, front_end=b"\0\0\3\0\0\0").analog_values() is None


@pytest.mark.parametrize("vector", vectors("values", "ftd"), ids=lambda vector: vector["hex"])
def test_a_sampling_descriptor_says_when(vector: dict[str, Any]) -> None:
    ftd = Ftd(vector["word"])
    assert vector["kind"] == ftd.kind
    for name in ("ticks", "hz", "event", "delay_ms"):
        assert vector.get(name) == getattr(ftd, name), name
    if ftd.event is not None and ftd.delay_ms is not None:
        assert ftd == Ftd.clock(ftd.event, ftd.delay_ms)
    elif ftd.ticks:
        assert ftd == Ftd.periodic(ftd.ticks)


@pytest.mark.parametrize("ticks", [0, -1, 0x8000])
def test_a_period_that_does_not_fit_is_refused(ticks: int) -> None:
    with pytest.raises(BadInput):
        Ftd.periodic(ticks)


@pytest.mark.parametrize(("event", "delay_ms"), [(-1, 0), (256, 0), (2, -10), (2, 1280), (2, 5)])
def test_a_clock_event_that_does_not_fit_is_refused(event: int, delay_ms: int) -> None:
    with pytest.raises(BadInput):
        Ftd.clock(event, delay_ms)


@pytest.mark.parametrize(
    ("field", "value", "changed"),
    [
        ("ALARM_ENABLE", 0.0, {"flags": 0x8C}), ("ABORT_INHIBIT", 0.0, {"flags": 0x85}),
        ("TRIES_NEEDED", 255.0, {"tries_needed": 255}), ("ALARM_FTD", 65535.0, {"ftd": Ftd(0xFFFF)}),
        ("NOM", 7.0, {"first": b"\x07\0\0\0"}), ("MASK", 9.0, {"second": b"\x09\0\0\0"}),
    ],
)  # fmt: skip
def test_a_field_is_changed_and_everything_else_stays(field: str, value: float, changed: dict[str, object]) -> None:
    block = AlarmBlock(0x8D, b"\x01\0\0\0", b"\x02\0\0\0", 3, 4, Ftd(60), b"abcdef")
    assert replace(block, **changed) == block.with_field(field, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("TRIES_NEEDED", 256.0), ("TRIES_NEEDED", -1.0), ("ALARM_FTD", 65536.0), ("MASK", 256.0), ("NOM", -1.0),
        ("ALARM_ENABLE", float("nan")),
    ],
)  # fmt: skip
def test_a_field_that_does_not_fit_is_refused(field: str, value: float) -> None:
    with pytest.raises(BadInput):
        AlarmBlock(0x8D).with_field(field, value)


def test_a_pattern_of_undefined_length_is_refused() -> None:
    with pytest.raises(BadInput, match="length is not defined"):
        AlarmBlock(0x60).with_field("MASK", 1.0)
