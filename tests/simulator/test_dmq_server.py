"""The simulated DMQ server as a client of somebody else meets it, on a real broker (dmq.md 10)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import gssapi
import pika
import pytest

from gateway.core.errors import BadInput
from gateway.core.status import OK, Status
from gateway.runtime.amqp import Broker
from gateway.runtime.clock import SystemClock
from gateway.wire.dmq import ErrorSample, ReadingRequest, Sample, SampleKind, decode_sample, encode
from gateway.wire.dmq_connection import Answer, Pending, Refusal, status_of
from gateway.wire.dmq_envelope import Envelope
from gateway.wire.dmq_states import (
    DUPLICATE_JOB,
    INVALID_DATA_TYPE,
    INVALID_REQUEST,
    SECURITY_VIOLATION,
    Kind,
    Timers,
)
from simulator.dmq_job import Rules
from simulator.dmq_server import DmqServer
from simulator.facility import shipped_facility
from simulator.gss_acceptor import Acceptor
from simulator.sent_log import SentLog
from tests.simulator.dmq_client import RawJob, signing
from tests.support.kdc import DMQ_SERVICE, Kdc
from tests.support.leaks import check_leaks
from tests.support.processes import until
from tests.support.rabbitmq import RabbitMq

ACLTST = "Z:ACLTST.SETTING@N"
IN_TIME = 10.0  # s


class Stage:
    """A server, and one connection of a client."""

    def __init__(self, server: DmqServer, connection: pika.BlockingConnection) -> None:
        self.server, self.connection = server, connection

    def reading(self, *entries: str) -> RawJob:
        return RawJob(self.connection, Kind.READING, *entries)

    def session(self, *entries: str) -> RawJob:
        """A setting job that is open."""
        job = RawJob(self.connection, Kind.SETTING, *entries)
        job.init()
        job.hear(1, "R")
        assert job.events == [Pending()]
        return job


@contextmanager
def staged(
    broker: RabbitMq, rules: Rules | None = None, keytab: Path | None = None, sent_log: SentLog | None = None
) -> Iterator[Stage]:
    acceptor = Acceptor(keytab) if keytab else None
    server = DmqServer(
        shipped_facility(), SystemClock(), Broker.parse(broker.url), rules=rules, acceptor=acceptor, sent_log=sent_log
    )
    with check_leaks():
        server.start()
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", broker.port))
        yield Stage(server, connection)
        connection.close()
        assert server.stop()
        assert server.stop()


@pytest.fixture
def stage(rabbitmq: RabbitMq) -> Iterator[Stage]:
    with staged(rabbitmq) as made:
        yield made


def statuses(envelopes: list[Envelope]) -> list[Status]:
    samples = [decode_sample(one.body) for one in envelopes]
    return [status_of(sample) if isinstance(sample, ErrorSample) else OK for sample in samples]


def test_a_reading_job_says_pending_and_then_each_entry_once_or_at_its_rhythm(stage: Stage) -> None:
    job = stage.reading("M:OUTTMP.READING@I", "G:AMANDA@P,100,TRUE", "M:OUTTMP@N")
    init = job.init()
    assert job.hear(1)[0].correlation_id == init.message_id
    assert job.events[0] == Pending()
    assert len(job.hear(5, "R.G:AMANDA@P,100,TRUE")) >= 5
    (once,) = job.hear(1, "R.M:OUTTMP.READING@I")
    sample = decode_sample(once.body)
    assert isinstance(sample, Sample)
    assert (sample.kind, sample.unit, sample.ref_id) == (SampleKind.DOUBLE, "degF", None)
    assert not [one for one in job.said if one.key == "R.M:OUTTMP@N"]


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ("M:OUTTMP@I", SampleKind.DOUBLE),
        ("D:GAINS[0:7]@I", SampleKind.DOUBLE_ARRAY),
        ("M:OUTTMP.RAW@I", SampleKind.BINARY),
        ("G:MODE@I", SampleKind.STRING),
        ("G:NOTES[0:3]@I", SampleKind.STRING_ARRAY),
        ("N|LGXS@I", SampleKind.BASIC_STATUS),
        ("N@H801@I", SampleKind.ANALOG_ALARM),
        ("N$H801@I", SampleKind.DIGITAL_ALARM),
        ("M:OUTTMP.INDEX@I", SampleKind.INTEGER),
        ("M~OUTTMP@P,100", SampleKind.STRING),
    ],
)
def test_every_property_comes_as_the_sample_of_its_kind(stage: Stage, entry: str, kind: SampleKind) -> None:
    job = stage.reading(entry)
    job.init()
    sample = decode_sample(job.hear(1, f"R.{entry}")[0].body)
    assert isinstance(sample, Sample)
    assert sample.kind is kind


@pytest.mark.parametrize(
    ("entry", "status", "said"),
    [
        ("Z:NOTFND@I", Status(16, -20), "Device not found: Z:NOTFND"),
        ("Z:NOTFND.DESCRIPTION@I", Status(0, 0), "Device not found: Z:NOTFND"),
        ("M:OUTTMP.SETTING@I", Status(16, -13), ""),
        ("N&LGXS@I", Status(0, 0), ""),
    ],
)
def test_an_entry_without_a_value_says_why_and_spoils_none(stage: Stage, entry: str, status: Status, said: str) -> None:
    job = stage.reading(entry, "M:OUTTMP@I")
    job.init()
    error = decode_sample(job.hear(1, f"R.{entry}")[0].body)
    assert isinstance(error, ErrorSample)
    assert (status_of(error), error.message or "") == (status, said)
    job.hear(1, "R.M:OUTTMP@I")


@pytest.mark.parametrize("nowhere", [False, True])
@pytest.mark.parametrize("bad", ["not a drf@I", "M:OUTTMP[", "x" * 254])
def test_one_bad_request_fails_the_whole_job(rabbitmq: RabbitMq, bad: str, nowhere: bool) -> None:
    with staged(rabbitmq, Rules(refuse_nowhere=nowhere)) as stage:
        job = stage.reading("M:OUTTMP@I")
        envelope = job.job.init("m1", job.exchange, "test", bytes(4))
        job.publish(replace(envelope, body=encode(ReadingRequest(("M:OUTTMP@I", bad)))), "amq.topic")
        (said,) = job.hear(1)
        assert (said.key, said.correlation_id) == (("R.null", None) if nowhere else ("R", "m1"))
        assert isinstance(job.events[0], Refusal)
        assert job.events[0].status == INVALID_REQUEST
        assert until(lambda: stage.server.jobs == 0, IN_TIME)


def test_an_init_that_cannot_be_understood_or_is_empty_is_refused(stage: Stage) -> None:
    for body in (b"XYZ", encode(ReadingRequest(())), encode(Sample(SampleKind.DOUBLE, 1.0, 0))):
        job = stage.reading("M:OUTTMP@I")
        job.publish(replace(job.job.init("m1", job.exchange, "test", bytes(4)), body=body), "amq.topic")
        assert statuses(job.hear(1)) == [INVALID_REQUEST]
    stage.reading().publish(Envelope("I"), "amq.topic")  # without reply_to nobody can be told
    stage.reading().publish(Envelope("I", reply_to="no-such-exchange"), "amq.topic")
    job = stage.reading("M:OUTTMP@I")
    job.init()
    job.hear(2)


def test_settings_are_answered_once_each_in_order(stage: Stage) -> None:
    job = stage.session(ACLTST, "Z:REFUSE.SETTING@N", "Z:SILENT.SETTING@N")
    sent = [
        job.set(ACLTST, 1.0),
        job.set("Z:REFUSE.SETTING@N", 2.0),
        job.set("Z:SILENT.SETTING@N", 1.0),
        job.set(ACLTST, 3.0),
    ]
    said = job.hear(5, "R")[1:]
    assert [one.correlation_id for one in said] == sent
    assert statuses(said) == [OK, Status(14, -20), Status(1, -49), OK]
    assert [event.entry for event in job.events[1:] if isinstance(event, Answer)] == sent


def test_what_is_no_setting_of_the_job_is_refused_by_its_own_key(stage: Stage) -> None:
    job = stage.session(ACLTST)
    job.publish(Envelope("S.Z:ACLTS1.SETTING@N", encode(Sample(SampleKind.DOUBLE, 1.0, 0))))
    assert [one.key for one in job.hear(2, "R")] == ["R", "R.Z:ACLTS1.SETTING@N"]
    for body in (b"XYZ", encode(ErrorSample(1, -1, 0)), encode(Sample(SampleKind.BINARY, b"1", 0))):
        job.publish(Envelope(f"S.{ACLTST}", body))
    assert statuses(job.hear(5, "R")[1:]) == [INVALID_REQUEST, *[INVALID_DATA_TYPE] * 3]
    reading = stage.reading("M:OUTTMP@I")
    reading.init()
    reading.hear(2, "R")
    reading.publish(Envelope("S.M:OUTTMP@I", encode(Sample(SampleKind.DOUBLE, 1.0, 0))))
    assert statuses(reading.hear(3, "R"))[2] == INVALID_REQUEST
    assert stage.server._facility.settings() == []


def test_the_same_init_again_is_answered_again_and_another_one_is_refused(stage: Stage) -> None:
    job = stage.session(ACLTST)
    init = Envelope("I", b"", job.job._message_id, reply_to=job.exchange)
    job.publish(init, "amq.topic")
    assert statuses(job.hear(2, "R"))[1] == Status(72, 1)
    job.publish(replace(init, message_id="another"), "amq.topic")
    assert statuses(job.hear(3, "R"))[2] == DUPLICATE_JOB
    job.set(ACLTST, 1.0)
    assert statuses(job.hear(4, "R"))[3] == OK


def test_a_silent_client_is_forgotten_and_one_that_drops_is_gone_at_once(rabbitmq: RabbitMq) -> None:
    with staged(rabbitmq, Rules(timers=Timers(beat=0.2, silence=1.5))) as stage:
        silent, lively, leaving = (stage.reading("M:OUTTMP@P,100,TRUE") for _ in range(3))
        for job in (silent, lively, leaving):
            job.init()
            job.hear(2, "R")
        leaving.publish(Envelope("D"))
        assert until(lambda: stage.server.jobs == 2, IN_TIME)
        for _ in range(8):
            lively.publish(Envelope("H"))
            lively.silence(0.25)
        assert stage.server.jobs == 1
        assert silent.silence(0.3) == leaving.silence(0.1) == 0
        assert lively.silence(0.3) > 0
        assert [one.body for one in lively.hear(3, "Q")][:3] == [b""] * 3


@pytest.mark.parametrize("correlation", [True, False])
def test_results_may_be_without_correlation_as_those_of_the_java_server(rabbitmq: RabbitMq, correlation: bool) -> None:
    with staged(rabbitmq, Rules(correlation=correlation)) as stage:
        job = stage.session(ACLTST)
        sent = job.set(ACLTST, 1.0)
        assert job.hear(2, "R")[1].correlation_id == (sent if correlation else None or "")


def test_what_is_sent_is_logged(rabbitmq: RabbitMq, tmp_path: Path) -> None:
    log = SentLog(tmp_path / "sent.csv")
    with staged(rabbitmq, sent_log=log) as stage:
        job = stage.reading("M:OUTTMP@I")
        job.init()
        (said,) = job.hear(1, "R.M")
    log.close()
    sample = decode_sample(said.body)
    assert isinstance(sample, Sample)
    assert (tmp_path / "sent.csv").read_text().splitlines()[1] == f"{sample.time},M:OUTTMP,READING,{sample.value!r}"


def test_a_broker_that_is_not_there_is_said_in_one_sentence() -> None:
    with check_leaks():
        server = DmqServer(shipped_facility(), SystemClock(), Broker("127.0.0.1", 1))
        with pytest.raises(BadInput, match=r"^amqp://127\.0\.0\.1:1/: connection refused; see that a RabbitMQ is"):
            server.start()


def initiator(service: str = DMQ_SERVICE) -> gssapi.SecurityContext:
    flags = gssapi.RequirementFlag.integrity | gssapi.RequirementFlag.replay_detection
    flags |= gssapi.RequirementFlag.out_of_sequence_detection
    name = gssapi.Name(service, gssapi.NameType.kerberos_principal)
    return gssapi.SecurityContext(name=name, usage="initiate", flags=flags)


@pytest.mark.usefixtures("kerberos_environment")
def test_settings_must_be_signed_one_by_one_in_the_context_of_their_job(rabbitmq: RabbitMq, kdc: Kdc) -> None:
    kdc.login()
    with staged(rabbitmq, keytab=kdc.keytab) as stage:
        job, context = RawJob(stage.connection, Kind.SETTING, ACLTST), initiator()
        sign = signing(context)
        job.init(sign)
        job.hear(1, "R")
        assert job.events == [Pending()]
        job.set(ACLTST, 1.0, sign)
        job.set(ACLTST, 2.0)  # unsigned
        job.set(ACLTST, 3.0, lambda one: replace(sign(one), body=encode(Sample(SampleKind.DOUBLE, 99.0, 0))))
        job.set(ACLTST, 4.0, lambda one: replace(sign(one), host_address=None))
        context.get_signature(b"of a setting that was never sent")
        job.set(ACLTST, 5.0, sign)
        last = sign(Envelope(f"S.{ACLTST}", encode(Sample(SampleKind.DOUBLE, 6.0, 0)), "twice", host_address=bytes(4)))
        job.publish(last)
        job.publish(last)
        wrong = SECURITY_VIOLATION
        assert statuses(job.hear(8, "R")[1:]) == [OK, wrong, wrong, wrong, OK, OK, wrong]
        values = [one.value for one in stage.server._facility.settings()]
        assert values == [1.0, 5.0, 6.0]


@pytest.mark.usefixtures("kerberos_environment")
def test_an_init_without_a_good_token_and_signature_is_refused_and_leaves_nothing(rabbitmq: RabbitMq, kdc: Kdc) -> None:
    kdc.login()
    used = initiator().step()
    with staged(rabbitmq, keytab=kdc.keytab) as stage:
        first = stage.reading("M:OUTTMP@I")
        first.init(signing(initiator()))
        first.hear(2, "R")
        for sign, said in (
            (lambda one: one, "gss-token is missing or empty"),
            (lambda one: replace(signing(initiator())(one), token=b""), "gss-token is missing or empty"),
            (lambda one: replace(one, token=b"garbage"), "no token of Kerberos"),
            (lambda one: replace(signing(initiator())(one), signature=None), "there is no signature"),
            (lambda one: replace(signing(initiator())(one), app_id="somebody else"), "the signature is wrong"),
            (lambda one: replace(signing(initiator())(one), host_address=b"no"), "host-address"),
            (lambda one: replace(signing(initiator())(one), token=used), "the signature is wrong"),
            (lambda one: replace(signing(initiator())(one), token=used), "the token was used before"),
        ):
            job = stage.reading("M:OUTTMP@I")
            job.init(sign)
            job.hear(1, "R")
            (refusal,) = job.events
            assert isinstance(refusal, Refusal)
            assert (refusal.status, refusal.message.startswith("Security violation: ")) == (SECURITY_VIOLATION, True)
            assert said in refusal.message
        first.publish(Envelope("D"))
        assert until(lambda: stage.server.jobs == 0, IN_TIME)
        assert stage.server._facility.settings() == []
