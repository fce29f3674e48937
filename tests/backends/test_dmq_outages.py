"""What the backend `dmq` survives: brokers, servers, channels and queues that go under its feet."""

import time
from collections.abc import Iterator

import numpy as np
import pika
import pytest

from gateway.core.ports import LinkState
from gateway.core.status import DISCONNECTED, RETRY
from gateway.core.values import Outcome
from gateway.wire.dmq_states import Timers
from simulator.dmq_job import Rules
from simulator.facility import shipped_facility
from tests.backends.dmq_stage import IN_TIME, Stage, batches, parse, setting, staged
from tests.support.leaks import check_leaks
from tests.support.processes import until
from tests.support.rabbitmq import RabbitMq, running_rabbitmq

MANY = 500
BACK = 30.0  # s for a broker that returns: five of its own, and the pauses of both ends
QUICK = Rules(timers=Timers(beat=0.3, silence=2.0))


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMq]:
    """A broker that may be killed."""
    with running_rabbitmq(tmp_path_factory.mktemp("mortal")) as started:
        yield started


def exchanges_of_jobs(broker: RabbitMq) -> list[str]:
    """The private exchanges of clients."""
    rows = broker.control("list_exchanges", "name").splitlines()
    return [row for row in rows if row.count("-") == 4]


def counted(broker: RabbitMq) -> list[int]:
    """What the broker has now."""
    return [broker.count(what) for what in ("queues", "channels", "exchanges", "connections")]


def test_a_broker_that_is_killed_under_five_hundred_devices_comes_back_without_leaks(
    mortal: RabbitMq, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gateway.backends")
    facility = shipped_facility()
    facility.synthetic(MANY, 5.0)
    with check_leaks(), staged(mortal, "unsigned=yes&backoff_cap=2", facility) as stage:
        stream = stage.backend.watch(parse(*(f"S:D{number:05d}@p,500" for number in range(MANY))))
        batches(stream, good=True, slots=MANY)
        assert stage.backend.write([setting("Z:ACLTST", 1.0)], 5.0)[0].outcome is Outcome.ACCEPTED
        before = counted(mortal)
        for number in range(2):
            mortal.kill()
            lost = batches(stream, good=False, slots=MANY)
            assert {other.reading.status for batch in lost.values() for other in batch.others} == {DISCONNECTED}
            assert sum(len(batch.others) for batch in {id(b): b for b in lost.values()}.values()) == MANY  # once each
            assert stage.backend.health().state is LinkState.CONNECTING
            mortal.start()
            batches(stream, good=True, slots=MANY, seconds=BACK)
            assert until(lambda: stage.backend.health().state is LinkState.UP, IN_TIME)
            assert stage.backend.health().reconnects == number + 1
            (result,) = stage.backend.write([setting("Z:ACLTST", float(number))], 5.0)
            assert result.outcome is Outcome.ACCEPTED
        assert until(lambda: all(now <= then for now, then in zip(counted(mortal), before, strict=True)), IN_TIME)
        stream.close()
        assert until(lambda: stage.server.jobs == 1, IN_TIME)  # the session
        stage.backend.close()
        assert until(lambda: stage.server.jobs == 0, IN_TIME)
        assert until(lambda: counted(mortal) == [1, 1, 0, 1], IN_TIME)
        assert stream.dropped == 0
    said = [record.getMessage() for record in caplog.records if record.name.startswith("gateway")]
    lost, back = f"dmq: amqp://127.0.0.1:{mortal.port}/: the connection was lost", "dmq: the link is back"
    assert said == [lost, back] * 2


def test_without_a_broker_everything_says_so_at_once_and_works_when_it_is_back(mortal: RabbitMq) -> None:
    with check_leaks(), staged(mortal, "unsigned=yes&backoff_cap=1") as stage:
        mortal.kill()
        began = time.monotonic()
        (reading,) = stage.backend.read(parse("M:OUTTMP"), 5.0)
        (result,) = stage.backend.write([setting("Z:ACLTST", 1.0)], 5.0)
        assert time.monotonic() - began < 2.0
        assert (reading.status, result.status, result.outcome) == (DISCONNECTED, DISCONNECTED, Outcome.REFUSED)
        assert reading.message == f"amqp://127.0.0.1:{mortal.port}/: connection refused"
        assert result.message.endswith("nothing was sent")
        mortal.start()
        assert until(lambda: stage.backend.read(parse("M:OUTTMP"), 5.0)[0].status.good, BACK)
        assert until(lambda: stage.backend.write([setting("Z:ACLTST", 2.0)], 5.0)[0].outcome is Outcome.ACCEPTED, BACK)
        assert [float(np.asarray(one.value)) for one in stage.facility.settings()] == [2.0]


def test_a_broker_that_hangs_holds_up_nobody(mortal: RabbitMq) -> None:
    with check_leaks(), staged(mortal) as stage:
        stream = stage.backend.watch(parse("M:OUTTMP@p,200"))
        batches(stream, good=True, slots=1)
        mortal.pause()
        try:
            (reading,) = stage.backend.read(parse("G:AMANDA"), 0.5)
            (result,) = stage.backend.write([setting("Z:ACLTST", 1.0)], 0.5)
            assert (reading.value, result.outcome) == (None, Outcome.REFUSED)
            began = time.monotonic()
            stage.backend.close()
            assert time.monotonic() - began < 2.0
            assert stage.server.stop()
        finally:
            mortal.resume()


def test_a_session_that_the_server_has_forgotten_is_replaced_and_the_setting_applied_once(
    rabbitmq: RabbitMq,
) -> None:
    with check_leaks(), staged(rabbitmq) as stage:
        assert stage.backend.write([setting("Z:ACLTST", 1.0)], 5.0)[0].outcome is Outcome.ACCEPTED
        stage.restart_server()
        (result,) = stage.backend.write([setting("Z:ACLTST", 2.0)], 5.0)
        assert result.outcome is Outcome.ACCEPTED
        assert [float(np.asarray(one.value)) for one in stage.facility.settings()] == [1.0, 2.0]
        assert stage.backend.counts()["SESSIONS:LOST"] == 1


def test_a_server_that_restarts_is_noticed_by_a_heartbeat_that_comes_back(rabbitmq: RabbitMq) -> None:
    with check_leaks(), staged(rabbitmq, "unsigned=yes&backoff_cap=0.5") as stage:
        stream = stage.backend.watch(parse("M:OUTTMP@p,200", "G:AMANDA@p,200"))
        batches(stream, good=True, slots=2)
        stage.restart_server()
        lost = batches(stream, good=False, slots=2, seconds=15.0)[0].others[0].reading  # two heartbeats, 5 s each
        assert (lost.status, lost.message) == (DISCONNECTED, "the DMQ server has dropped this job")
        batches(stream, good=True, slots=2)


def test_a_queue_that_is_deleted_is_made_anew(rabbitmq: RabbitMq) -> None:
    with check_leaks(), staged(rabbitmq, "unsigned=yes&backoff_cap=0.5") as stage:
        before = set(rabbitmq.queues())
        stream = stage.backend.watch(parse("M:OUTTMP@p,200"))
        batches(stream, good=True, slots=1)
        for queue in set(rabbitmq.queues()) - before:  # the client's, and that of the server's job
            rabbitmq.control("eval", _deletion(queue))
        assert batches(stream, good=False, slots=1)[0].others[0].reading.status == DISCONNECTED
        batches(stream, good=True, slots=1)


def _deletion(queue: str) -> str:
    return (
        f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{queue}">>)), '
        'rabbit_amqqueue:delete(Q, false, false, <<"test">>).'
    )


def test_a_channel_that_the_broker_closes_ends_its_job_alone(rabbitmq: RabbitMq) -> None:
    with check_leaks(), staged(rabbitmq, "unsigned=yes&backoff_cap=0.5") as stage:
        before = set(exchanges_of_jobs(rabbitmq))
        first = stage.backend.watch(parse("M:OUTTMP@p,200"))
        batches(first, good=True, slots=1)
        (exchange,) = set(exchanges_of_jobs(rabbitmq)) - before
        second = stage.backend.watch(parse("G:AMANDA@p,200"))
        batches(second, good=True, slots=1)
        with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", rabbitmq.port)) as stranger:
            stranger.channel().exchange_delete(exchange)
        assert batches(first, good=False, slots=1)[0].others[0].reading.status == DISCONNECTED
        batches(first, good=True, slots=1)
        assert len(second.get(1.0).others) == 0
        assert stage.backend.health().reconnects == 0


@pytest.mark.parametrize("fault", ["reset", "hang", "silent", "no_heartbeat", "garbage"])
def test_a_fault_of_the_server_is_seen_and_healed_without_watching_again(rabbitmq: RabbitMq, fault: str) -> None:
    with check_leaks(), staged(rabbitmq, "unsigned=yes&backoff_cap=0.5&silence=2", rules=QUICK) as stage:
        stream = stage.backend.watch(parse("M:OUTTMP@p,200", "G:AMANDA@p,200"))
        batches(stream, good=True, slots=2)
        stage.command(fault)
        reading = batches(stream, good=False, slots=2)[0].others[0].reading
        assert reading.status == (RETRY if fault == "garbage" else DISCONNECTED)
        stage.command("none")
        batches(stream, good=True, slots=2)
        assert until(lambda: stage.backend.health().state is LinkState.UP, IN_TIME)
        stage.backend.close()
        assert until(lambda: stage.server.jobs == 0, IN_TIME)


def test_a_server_that_refuses_new_jobs_is_asked_again(rabbitmq: RabbitMq) -> None:
    with check_leaks(), staged(rabbitmq, "unsigned=yes&backoff_cap=0.5") as stage:
        stage.command("refuse")
        stream = stage.backend.watch(parse("M:OUTTMP@p,200"))
        refused = batches(stream, good=False, slots=1)[0].others[0].reading
        assert (refused.status.facility, refused.status.number) == (72, -95)
        stage.command("none")
        batches(stream, good=True, slots=1)


def test_readings_of_an_idle_client_do_not_outlive_it(rabbitmq: RabbitMq) -> None:
    stage: Stage
    with staged(rabbitmq, rules=Rules(timers=Timers(beat=0.2, silence=1.0))) as stage:
        stream = stage.backend.watch(parse("M:OUTTMP@p,200"))
        batches(stream, good=True, slots=1)
        assert stage.server.jobs == 1
        assert until(lambda: any(len(stream.get(0.1).others) for _ in range(10)), 3 * IN_TIME)  # by its second H
        stream.close()
        assert until(lambda: stage.server.jobs == 0, IN_TIME)
