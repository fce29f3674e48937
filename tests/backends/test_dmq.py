"""The backend `dmq` before a server that is there: what it is made of, what it refuses, how many sessions it keeps."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from gateway.backends.dmq_channel import JobChannel
from gateway.config.models import Auth, Kerberos
from gateway.core.drf import Property
from gateway.core.ports import LinkState
from gateway.core.status import BAD_REQUEST, DISCONNECTED, INVLEN, REQTMO, Status
from gateway.core.values import Outcome
from gateway.runtime.amqp import Broker
from gateway.wire.dmq_states import INVALID_REQUEST, SECURITY_VIOLATION
from simulator.dmq_job import Rules
from simulator.facility import shipped_facility
from tests.backends.dmq_stage import IN_TIME, Stage, batches, parse, settable, setting, staged
from tests.support.kdc import Kdc
from tests.support.leaks import check_leaks
from tests.support.processes import until
from tests.support.rabbitmq import RabbitMq

FOREIGN = "not_acnet"  # a name that the simulated server does not parse


@pytest.fixture
def stage(rabbitmq: RabbitMq) -> Iterator[Stage]:
    with check_leaks(), staged(rabbitmq) as made:
        yield made


def test_a_thousand_writes_alternating_over_fifty_devices_keep_their_order(rabbitmq: RabbitMq) -> None:
    wishes = [(f"Z:W{device}", float(20 * turn + device)) for turn in range(20) for device in range(50)]
    with check_leaks(), staged(rabbitmq, "unsigned=yes&sessions=20&idle=1", settable(50)) as stage:
        settings = [setting(text, value) for text, value in wishes]
        results = stage.backend.write(settings, 60.0)
        assert [result.setting for result in results] == settings
        assert [result for result in results if result.outcome is not Outcome.ACCEPTED] == []
        assert stage.backend.counts()["SESSIONS"] <= 20
        applied = [(str(one.request.device), float(np.asarray(one.value))) for one in stage.facility.settings()]
        assert len(applied) == 1000
        for device in range(50):
            name = f"Z:W{device}"
            assert [v for n, v in applied if n == name] == [v for n, v in wishes if n == name]
        counts = stage.backend.counts()
        assert counts["SESSIONS:OPENED"] + counts["SESSIONS:REUSED"] == 1000
        assert counts["SESSIONS:EVICTED"] > 0
        assert until(lambda: stage.backend.counts()["SESSIONS"] == 0 and stage.server.jobs == 0, IN_TIME)
        counts = stage.backend.counts()
        assert counts["SESSIONS:OPENED"] == counts["SESSIONS:EVICTED"] + counts["SESSIONS:EXPIRED"]
        assert stage.broker.count("queues") == 1  # the server's own, for INITs
        assert stage.broker.count("channels") == 1


def test_a_session_is_used_again(stage: Stage) -> None:
    for number in range(5):
        (result,) = stage.backend.write([setting("Z:ACLTST", float(number))], 5.0)
        assert result.outcome is Outcome.ACCEPTED
    assert stage.backend.counts() == {
        "SESSIONS": 1, "SESSIONS:OPENED": 1, "SESSIONS:REUSED": 4, "SESSIONS:EVICTED": 0, "SESSIONS:EXPIRED": 0,
        "SESSIONS:LOST": 0,
    }  # fmt: skip


def test_many_callers_at_once_each_get_their_own_answers_and_leave_nothing_open(stage: Stage) -> None:
    def call(caller: int) -> tuple[list[Outcome], list[bool]]:
        outcomes, good = [], []
        for number in range(10):
            (result,) = stage.backend.write([setting("Z:ACLTST", caller + number / 100)], 10.0)
            outcomes.append(result.outcome)
            good += [reading.status.good for reading in stage.backend.read(parse("M:OUTTMP", "G:AMANDA"), 10.0)]
        return outcomes, good

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(call, range(8)))
    assert found == [([Outcome.ACCEPTED] * 10, [True] * 20)] * 8
    applied = [float(np.asarray(one.value)) for one in stage.facility.settings()]
    for caller in range(8):
        assert [value for value in applied if int(value) == caller] == [caller + n / 100 for n in range(10)]
    assert until(lambda: stage.server.jobs == 1, IN_TIME)  # the one session


def test_calls_that_end_before_their_job_is_made_cost_nobody_the_connection(stage: Stage) -> None:
    for number in range(60):
        stage.backend.read(parse("M:OUTTMP"), number / 5000)
        stage.backend.write([setting(f"Z:ACLTS{number % 2}", 1.0)], number / 5000)
        stage.backend.watch(parse("M:OUTTMP")).close()
    assert stage.backend.read(parse("M:OUTTMP"), 5.0)[0].status.good
    assert stage.backend.health().reconnects == 0
    assert until(lambda: stage.server.jobs == stage.backend.counts()["SESSIONS"], IN_TIME)


def test_one_request_that_the_server_does_not_parse_spoils_none(stage: Stage) -> None:
    readings = stage.backend.read(parse("M:OUTTMP", FOREIGN, "G:AMANDA", "N|LGXS"), 5.0)
    assert [reading.status.good for reading in readings] == [True, False, True, True]
    assert readings[1].status == INVALID_REQUEST
    assert FOREIGN in readings[1].message
    stream = stage.backend.watch(parse("M:OUTTMP@p,200", f"{FOREIGN}@p,200", "G:AMANDA@p,200"))
    assert set(batches(stream, good=True, slots=2)) == {0, 2}
    stream.close()


def test_a_request_that_no_routing_key_holds_is_refused_here(stage: Stage) -> None:
    long = "M:" + "X" * 252
    (reading,) = stage.backend.read(parse(long), 5.0)
    (result,) = stage.backend.write([setting(long, 1.0)], 5.0)
    assert (reading.status, result.status, result.outcome) == (BAD_REQUEST, BAD_REQUEST, Outcome.REFUSED)
    assert "253 bytes" in reading.message
    assert len(stage.backend.watch(parse(long)).get(2.0).others) == 1


def test_raw_values_of_other_widths_are_refused_here(stage: Stage) -> None:
    (result,) = stage.backend.write([setting("N@H801.RAW", bytes(20))], 5.0)
    assert (result.outcome, result.status) == (Outcome.REFUSED, INVLEN)
    assert "1, 2 or 4 bytes" in result.message


def test_a_setting_without_answer_is_unknown_and_is_applied_once_at_most(stage: Stage) -> None:
    assert stage.backend.write([setting("Z:ACLTST", 1.0)], 5.0)[0].outcome is Outcome.ACCEPTED
    stage.command("hang")
    (result,) = stage.backend.write([setting("Z:ACLTST", 2.0)], 1.0)
    assert (result.outcome, result.status) == (Outcome.UNKNOWN, REQTMO)
    (result,) = stage.backend.write([setting("Z:ACLTST", 3.0)], 1.0)
    assert (result.outcome, result.status) == (Outcome.REFUSED, REQTMO)
    assert "nothing was sent" in result.message
    stage.command("none")
    assert until(lambda: len(stage.facility.settings()) == 2, IN_TIME)
    assert stage.backend.write([setting("Z:ACLTST", 4.0)], 5.0)[0].outcome is Outcome.ACCEPTED
    assert [float(np.asarray(one.value)) for one in stage.facility.settings()] == [1.0, 2.0, 4.0]


def test_answers_without_correlation_find_their_settings(rabbitmq: RabbitMq) -> None:
    with staged(rabbitmq, rules=Rules(correlation=False)) as stage:
        results = stage.backend.write([setting("Z:ACLTST", float(n)) for n in range(5)], 10.0)
        assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 5


def test_a_slow_pending_delays_a_setting_and_a_missing_one_refuses_it(rabbitmq: RabbitMq) -> None:
    with staged(rabbitmq, rules=Rules(pending_delay=0.5)) as stage:
        assert stage.backend.write([setting("Z:ACLTST", 1.0)], 5.0)[0].outcome is Outcome.ACCEPTED
    with staged(rabbitmq, rules=Rules(pending=False)) as stage:
        (result,) = stage.backend.write([setting("Z:ACLTST", 1.0)], 1.0)
        assert (result.outcome, result.status) == (Outcome.REFUSED, REQTMO)
        assert stage.facility.settings() == []


def test_who_finds_all_sessions_in_use_waits_for_one(rabbitmq: RabbitMq) -> None:
    with check_leaks(), staged(rabbitmq, "unsigned=yes&sessions=1", settable(5), Rules(pending_delay=0.2)) as stage:
        wishes = [setting(f"Z:W{device}", float(turn)) for turn in range(2) for device in range(5)]
        results = stage.backend.write(wishes, 20.0)
        assert {result.outcome for result in results} == {Outcome.ACCEPTED}
        assert stage.backend.counts()["SESSIONS"] == 1
        hundred = [setting("Z:W0", float(n)) for n in range(300)]
        results = stage.backend.write(hundred, 0.3)
        assert {result.outcome for result in results} <= {Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNKNOWN}
        accepted = [float(np.asarray(one.value)) for one in stage.facility.settings()][10:]
        assert accepted == [float(n) for n in range(len(accepted))]
        assert all(not result.sent for result in results if result.outcome is Outcome.REFUSED)


def test_without_a_server_on_the_broker_everything_says_so_at_once(rabbitmq: RabbitMq) -> None:
    with staged(rabbitmq) as stage:
        assert stage.server.stop()
        (reading,) = stage.backend.read(parse("M:OUTTMP"), 5.0)
        assert (reading.value, reading.status) == (None, DISCONNECTED)
        assert reading.message == f"no DMQ server is on the broker {Broker.parse(rabbitmq.url)}"
        (result,) = stage.backend.write([setting("Z:ACLTST", 1.0)], 5.0)
        assert (result.outcome, result.status) == (Outcome.REFUSED, DISCONNECTED)
        assert "nothing was sent" in result.message
        stream = stage.backend.watch(parse("M:OUTTMP@p,200"))
        assert batches(stream, good=False, slots=1)[0].others[0].reading.status == DISCONNECTED
        assert stage.backend.health().state is LinkState.CONNECTING


def test_a_server_with_a_keytab_takes_nothing_that_is_not_signed(rabbitmq: RabbitMq, kdc: Kdc) -> None:
    with staged(rabbitmq, keytab=kdc.keytab) as stage:
        (reading,) = stage.backend.read(parse("M:OUTTMP"), 5.0)
        assert (reading.status, reading.message) == (
            SECURITY_VIOLATION, "Security violation: gss-token is missing or empty",
        )  # fmt: skip
        (result,) = stage.backend.write([setting("Z:ACLTST", 1.0)], 5.0)
        assert (result.outcome, result.status) == (Outcome.REFUSED, SECURITY_VIOLATION)
        other = batches(stage.backend.watch(parse("M:OUTTMP@p,200")), good=False, slots=1)[0].others[0]
        assert other.reading.status == SECURITY_VIOLATION
        assert stage.facility.settings() == []


@pytest.mark.usefixtures("kerberos_environment")
def test_with_a_ticket_it_reads_watches_and_writes(rabbitmq: RabbitMq, kdc: Kdc) -> None:
    kdc.login()
    auth = Auth(kerberos=Kerberos(keytab=str(kdc.user_keytab)))
    with check_leaks(), staged(rabbitmq, "sessions=5", keytab=kdc.keytab, auth=auth) as stage:
        assert stage.backend.read(parse("M:OUTTMP"), 5.0)[0].status.good
        wishes = [setting(text, float(n)) for n in range(10) for text in ("Z:ACLTST", "Z:ACLTS1")]
        assert {result.outcome for result in stage.backend.write(wishes, 20.0)} == {Outcome.ACCEPTED}
        assert batches(stage.backend.watch(parse("M:OUTTMP@p,200", "N|LGXS.ON@p,200")), good=True, slots=2)
        assert 0 < stage.backend.expires_in()["TICKET"] <= 3600


@pytest.mark.usefixtures("kerberos_environment")
@pytest.mark.parametrize(
    ("query", "kerberos", "said"),
    [
        ("", Kerberos(cache="FILE:absent"), "kinit"),
        ("service=daeset/bd/elsewhere@FNAL.GOV", Kerberos(), "elsewhere"),
    ],
)
def test_without_a_ticket_that_serves_every_operation_says_why(
    rabbitmq: RabbitMq, kdc: Kdc, query: str, kerberos: Kerberos, said: str
) -> None:
    with check_leaks(), staged(rabbitmq, query, keytab=kdc.keytab, auth=Auth(kerberos=kerberos)) as stage:
        (reading,) = stage.backend.read(parse("M:OUTTMP"), 8.0)
        (result,) = stage.backend.write([setting("Z:ACLTST", 1.0)], 8.0)
        assert (reading.status, result.status, result.outcome) == (DISCONNECTED, DISCONNECTED, Outcome.REFUSED)
        assert not result.sent, "a route may try elsewhere"
        assert said in reading.message
        assert said in result.message
        assert "nothing was sent" in result.message


def test_a_description_says_what_answers(stage: Stage) -> None:
    found = stage.backend.describe(["N:H801", "Z:NOTFND"], 5.0, {"N:H801": frozenset({Property.ANALOG})})
    assert (found["N:H801"].analog, found["N:H801"].reading) == (True, None)
    assert stage.backend.describe([], 5.0) == {}
    stage.command("silent")
    assert stage.backend.describe(["M:OUTTMP"], 0.3) == {}


def test_closing_frees_who_waits(rabbitmq: RabbitMq) -> None:
    with check_leaks(), staged(rabbitmq, rules=Rules(unknown=Status(16, -20))) as stage:
        stage.command("hang")
        stage.backend.watch(parse("M:OUTTMP"))
        stage.backend.close()
        assert stage.backend.read(parse("M:OUTTMP"), 5.0)[0].message == "the backend is closed"
        (result,) = stage.backend.write([setting("Z:ACLTST", 1.0)], 5.0)
        assert (result.outcome, result.message) == (Outcome.REFUSED, "the backend is closed, nothing was sent")
        assert stage.backend.health().state is LinkState.DISCONNECTED


def test_numbers_come_past_pika_in_order_and_are_what_the_facility_says(
    rabbitmq: RabbitMq, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    ordinary = JobChannel._delivered

    def delivered(channel: JobChannel, *words: Any) -> None:
        seen.append(words[1].routing_key)
        ordinary(channel, *words)

    monkeypatch.setattr(JobChannel, "_delivered", delivered)
    facility = shipped_facility()
    facility.synthetic(20, 20.0)
    numbers = [f"S:D{place:05d}@p,50" for place in range(20)]
    with check_leaks(), staged(rabbitmq, facility=facility) as stage:
        stream = stage.backend.watch(
            parse(*numbers, numbers[0], "N:LGXS.STATUS.BIT_VALUE@p,200", "B:IRMS06[0:3]@p,200")
        )
        got: dict[int, list[tuple[int, float]]] = {slot: [] for slot in range(23)}
        others = 0

        def complete() -> bool:
            nonlocal others
            batch = stream.get(0.2)
            for slot, stamp_ns, value in zip(*(column.tolist() for column in (batch.slot, batch.stamp_ns, batch.value)),
                                             strict=True):  # fmt: skip
                got[slot].append((stamp_ns, value))
            others += len(batch.others)
            return all(len(got[slot]) >= 30 for slot in range(21)) and len(got[21]) >= 3 and others >= 3

        assert until(complete, IN_TIME)
        for slot, rows in got.items():
            stamps = [stamp_ns for stamp_ns, _ in rows]
            assert stamps == sorted(set(stamps)), slot
        assert got[0][:30] == got[20][:30]
        columns = {place: facility.column(request) for place, request in enumerate(parse(*numbers))}
        for place, column in columns.items():
            assert column is not None
            for stamp_ns, value in got[place][:30]:
                assert facility.read_columns(np.array([column]), stamp_ns).tolist() == [value]
        taken = sum(len(got[slot]) for slot in range(20))
        assert sum(key.startswith("R.S:D") for key in seen) < taken / 4  # the first of each, and what came with it
