"""Edits of alarm blocks: one part changes, and what others have changed stays (values.md 5.7)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from devices.block_edits import BlockEdits, is_block_edit
from gateway.core.alarm_block import AlarmBlock, Ftd
from gateway.core.drf import DataRequest
from gateway.core.errors import BadInput
from gateway.core.status import DISCONNECTED, OK, RETRY, SCALEFAIL, Status
from gateway.core.values import Outcome, Reading, Setting, SettingResult, SettingValue
from simulator.facility import shipped_facility
from simulator.in_process import InProcessBackend
from tests.support.clock import ManualClock
from tests.support.leaks import no_leaks as no_leaks
from tests.support.scripted_backend import ScriptedBackend

pytestmark = pytest.mark.usefixtures("no_leaks")


class Front:
    """A front end of one block behind the simulated facility."""

    def __init__(self) -> None:
        self.clock, self.facility = ManualClock(), shipped_facility()
        self.backend = InProcessBackend("own", self.facility, self.clock)
        self.edits = BlockEdits(self.backend, self.clock)

    def edit(self, text: str, value: SettingValue) -> SettingResult:
        return self.edits.write(Setting(DataRequest.parse(text), value), 5.0)

    def block(self, text: str) -> AlarmBlock:
        value = self.backend.read([DataRequest.parse(f"{text}.RAW@I")], 5.0)[0].value
        assert isinstance(value, bytes)
        return AlarmBlock.decode(value)

    def came(self) -> list[str]:
        return [str(one.request) for one in self.facility.settings()]


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front()
    yield made
    made.backend.close()


def test_alarm_blocks_alone_are_edited() -> None:
    texts = ("N:H801.ANALOG.MIN@N", "N:H801.DIGITAL.MASK@N", "N:H801.SETTING@N", "N:H801.CONTROL@N")
    assert [True, True, False, False] == [is_block_edit(DataRequest.parse(text)) for text in texts]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("N:H801.ANALOG.MAX@N", 12.5), ("N:H801.ANALOG.TOL@N", 3.0), ("N:H801.ANALOG.ALARM_ENABLE@N", 0.0),
        ("N:H801.DIGITAL.MASK@N", 5.0), ("N:H801.DIGITAL.TRIES_NEEDED@N", 9.0),
    ],
)  # fmt: skip
def test_a_field_is_one_setting_and_the_server_keeps_the_rest(front: Front, text: str, value: float) -> None:
    assert Outcome.ACCEPTED is front.edit(text, value).outcome
    assert [text] == front.came()
    assert value == front.backend.read([DataRequest.parse(text.replace("@N", "@I"))], 5.0)[0].value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Z:BLOCKS.ANALOG.ALARM_ENABLE@N", 0.0), ("Z:BLOCKS.ANALOG.TRIES_NEEDED@N", 8.0),
        ("Z:BLOCKS.DIGITAL.ABORT_INHIBIT@N", 1.0), ("Z:BLOCKS.DIGITAL.MASK@N", 2.0),
        ("Z:BLOCKS.DIGITAL.NOM@N", 7.0), ("N:H801.ANALOG.ALARM_FTD@N", 60.0),
    ],
)  # fmt: skip
def test_what_the_server_cannot_set_is_read_changed_and_written_back_in_one_block(
    front: Front, text: str, value: float
) -> None:
    name, _, field = text.removesuffix("@N").rpartition(".")
    before = front.block(name)
    result = front.edit(text, value)
    assert (Outcome.ACCEPTED, text) == (result.outcome, str(result.setting.request))
    assert before.with_field(field, value) == front.block(name)
    assert f"{name}{{0:20}}.RAW@N" == front.came()[-1]
    assert [OK] == [one.status for one in front.facility.settings() if "RAW" in str(one.request)]


def test_limits_in_engineering_units_are_left_to_the_server(front: Front) -> None:
    result = front.edit("Z:BLOCKS.ANALOG.MAX@N", 4.0)
    assert (Outcome.REFUSED, SCALEFAIL) == (result.outcome, result.status)
    assert "the service does not set this part of an alarm block" in result.message
    assert ["Z:BLOCKS.ANALOG.MAX@N"] == front.came()


def test_all_twenty_bytes_are_one_setting(front: Front) -> None:
    wished = replace(front.block("N:H801.ANALOG"), tries_needed=77, ftd=Ftd(15))
    assert Outcome.ACCEPTED is front.edit("N:H801.ANALOG.RAW@N", wished.encode()).outcome
    assert wished == front.block("N:H801.ANALOG")
    assert ["N:H801.ANALOG{0:20}.RAW@N"] == front.came()


def test_edits_from_many_threads_lose_none(front: Front) -> None:
    parts = [("ANALOG.ALARM_ENABLE", 0.0), ("ANALOG.ABORT_INHIBIT", 1.0), ("ANALOG.TRIES_NEEDED", 9.0)]
    parts += [("ANALOG.ALARM_FTD", 60.0), ("DIGITAL.NOM", 1.0), ("DIGITAL.MASK", 2.0), ("DIGITAL.ALARM_FTD", 15.0)]
    with ThreadPoolExecutor(len(parts)) as pool:
        done = list(pool.map(lambda part: front.edit(f"Z:BLOCKS.{part[0]}@N", part[1]).outcome, parts))
    assert [Outcome.ACCEPTED] * len(parts) == done
    for kind in ("ANALOG", "DIGITAL"):
        block = front.block(f"Z:BLOCKS.{kind}")
        for name, value in parts:
            if name.startswith(kind):
                assert block == block.with_field(name.partition(".")[2], value)


def test_a_block_that_cannot_be_read_is_not_written() -> None:
    clock, backend = ManualClock(), ScriptedBackend()
    edits = BlockEdits(backend, clock)
    setting = Setting(DataRequest.parse("M:X.ANALOG.ALARM_FTD@N"), 60.0)
    for status, told in ((DISCONNECTED, DISCONNECTED), (OK, RETRY), (Status(17, 1), RETRY)):
        backend.on_read = lambda request, status=status: Reading(request, None, 1, status)  # type: ignore[misc]
        result = edits.write(setting, 5.0)
        assert (told, Outcome.REFUSED, False, setting) == (result.status, result.outcome, result.sent, result.setting)
        assert result.message == "the alarm block could not be read; the alarm block was not written"
    backend.on_read = lambda request: Reading(request, b"short", 1, OK)
    assert SCALEFAIL == edits.write(setting, 5.0).status
    assert [] == backend.writes


def test_an_unknown_outcome_is_never_tried_another_way() -> None:
    backend = ScriptedBackend()
    backend.on_write = lambda setting: SettingResult(setting, SCALEFAIL, Outcome.UNKNOWN)
    setting = Setting(DataRequest.parse("M:X.ANALOG.ALARM_ENABLE@N"), 1.0)
    assert Outcome.UNKNOWN is BlockEdits(backend, ManualClock()).write(setting, 5.0).outcome
    assert [setting] == backend.writes


def test_what_does_not_fit_into_the_block_is_refused_with_the_reason(front: Front) -> None:
    with pytest.raises(BadInput):
        front.block("Z:BLOCKS.DIGITAL").with_field("MASK", 256.0)
    result = front.edit("Z:BLOCKS.DIGITAL.MASK@N", 256.0)
    assert (SCALEFAIL, Outcome.REFUSED) == (result.status, result.outcome)
    assert "256 is no whole number between 0 and 255" in result.message
