"""What we rest on of caproto 1.3: one test for each assumption, so that another version fails here and by name."""

import asyncio

import caproto
import pytest
from caproto import ChannelAlarm

from gateway.core.severity import Alarm
from gateway.plan.model import PvType
from iocs.fast.dbr import NotConverted
from iocs.fast.encode import decode, run_now
from tests.iocs.making import STAMP, channel


def test_the_version_of_caproto_is_the_one_whose_inner_parts_we_know() -> None:
    assert "1.3" == ".".join(caproto.__version__.split(".")[:2])


def test_reading_an_alarm_never_waits() -> None:
    assert 3 == run_now(ChannelAlarm(severity=3).read()).severity


def test_the_alarm_of_a_channel_is_a_plain_mapping_that_tells_nobody_when_it_changes() -> None:
    made = channel(PvType.DOUBLE)
    assert {"status", "severity"} <= set(made.alarm._data)
    made.show(1.0, STAMP, Alarm(2, 7))
    assert Alarm(2, 7) == made.alarm_now


def test_every_pv_of_a_group_has_an_alarm_of_its_own_where_it_names_its_alarm_group() -> None:
    assert channel(PvType.DOUBLE).alarm is not channel(PvType.DOUBLE).alarm


def test_run_now_refuses_a_coroutine_that_waits() -> None:
    with pytest.raises(RuntimeError, match="has waited"):
        run_now(asyncio.sleep(0))


def test_run_now_passes_on_what_the_coroutine_raises() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_now(broken())


@pytest.mark.parametrize(
    ("data_type", "count", "payload"),
    [
        (7, 1, bytes(16)),
        (34, 1, bytes(96)),
        (35, 1, bytes(8)),
        (-1, 1, bytes(8)),
        (6, 0, bytes(8)),
        (6, 2, bytes(8)),
        (6, 1, b""),
        (0, 1, b"twelve"),
        (0, 1, b"0x"),
        (0, 1, b"1_000"),
        (0, 1, b""),
    ],
)
def test_what_cannot_be_put_is_not_converted(data_type: int, count: int, payload: bytes) -> None:
    with pytest.raises(NotConverted):
        decode(channel(PvType.DOUBLE), data_type, count, payload)
