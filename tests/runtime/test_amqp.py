"""The AMQP link before a real broker: it comes up, is told why not, comes back, and ends in time."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from pika import exceptions
from pika.channel import Channel

from gateway.core.errors import BadInput
from gateway.runtime.amqp import AmqpLink, Broker, reason_of
from gateway.runtime.backoff import Backoff
from gateway.runtime.clock import SystemClock
from tests.support.leaks import check_leaks
from tests.support.processes import until
from tests.support.rabbitmq import RabbitMq

IN_TIME = 10.0  # s
BROKER = Broker("host")


class Listening:
    """Whoever owns a link: what it was told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def link_up(self) -> None:
        self.told.append("up")

    def link_lost(self, reason: str) -> None:
        self.told.append(reason)


class Link(AmqpLink):
    """A link whose owner remembers."""

    def __init__(self, broker: Broker, timeout: float = 5.0) -> None:
        self.owner = Listening()
        super().__init__(
            "test", broker, self.owner, SystemClock(), timeout=timeout, backoff=Backoff(first=0.2, cap=0.5)
        )

    def begun(self, told: int = 1) -> list[str]:
        """Start it and wait until it was told so much."""
        self.start()
        assert until(lambda: len(self.owner.told) >= told, IN_TIME)
        return self.owner.told


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    with check_leaks():
        yield


def place(broker: RabbitMq, **changes: str) -> Broker:
    return Broker("127.0.0.1", broker.port, **changes)


def test_it_comes_up_opens_channels_and_does_what_is_posted_in_order(rabbitmq: RabbitMq) -> None:
    link, found, opened = Link(place(rabbitmq)), [], threading.Event()
    for number in range(3):
        link.post(lambda number=number: found.append(number))  # type: ignore[misc]  # mypy: the default has no type
    assert link.begun() == ["up"]
    assert (link.up, link.ups) == (True, 1)

    def usable(channel: Channel) -> None:
        found.append(channel.is_open)
        opened.set()

    link.post(lambda: link.channel(usable))
    assert opened.wait(IN_TIME)
    assert found == [0, 1, 2, True]
    began = time.monotonic()
    assert link.stop(2.0)
    assert time.monotonic() - began < 1.0
    assert link.stop(0.1)
    assert not link.up


def test_a_timer_runs_unless_it_is_cancelled(rabbitmq: RabbitMq) -> None:
    link, rang, cancelled = Link(place(rabbitmq)), threading.Event(), threading.Event()
    link.begun()

    def timers() -> None:
        timer = link.later(0.1, cancelled.set)
        link.later(0.2, rang.set)
        link.cancel(timer)

    link.post(timers)
    assert rang.wait(IN_TIME)
    assert not cancelled.is_set()
    assert link.stop(2.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "wrong"}, "the broker does not admit the user guest"),
        ({"vhost": "elsewhere"}, "vhost elsewhere not found|no virtual host elsewhere"),
    ],
)
def test_a_login_that_is_refused_is_told(rabbitmq: RabbitMq, changes: dict[str, str], said: str) -> None:
    link = Link(place(rabbitmq, **changes))
    told = link.begun()[0]
    assert any(one in told for one in said.split("|")), told
    assert "wrong" not in told
    assert link.stop(2.0)


def test_without_a_broker_every_attempt_is_told_and_a_hurry_makes_one_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: it refuses
        link = Link(Broker("127.0.0.1", taken.getsockname()[1]))
        assert link.begun(2)[0] == f"{link.broker}: connection refused"
        link.post(link.hurry)
        assert until(lambda: len(link.owner.told) >= 4, IN_TIME)
        assert link.stop(2.0)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_what_speaks_no_amqp_is_given_up_in_time(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = Link(Broker("127.0.0.1", server.getsockname()[1]), timeout=1.0)
        link.start()
        stranger, _ = server.accept()
        with stranger:
            stranger.sendall(answer)
            assert until(lambda: link.owner.told, IN_TIME)
        assert "up" not in link.owner.told
        assert link.stop(2.0)


def test_it_ends_while_it_connects() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = Link(Broker("127.0.0.1", server.getsockname()[1]), timeout=30.0)
        link.start()
        stranger, _ = server.accept()
        with stranger:
            assert link.stop(2.0)
        assert link.owner.told == []


def test_a_connection_that_the_broker_ends_comes_back(rabbitmq: RabbitMq) -> None:
    link = Link(place(rabbitmq))
    link.begun()
    rabbitmq.control("close_all_connections", "for a test")
    assert until(lambda: link.owner.told.count("up") == 2, IN_TIME)
    assert "for a test" in link.owner.told[1]
    assert link.ups == 2
    assert link.stop(2.0)


def test_an_action_that_raises_costs_the_connection_and_no_more(rabbitmq: RabbitMq) -> None:
    link = Link(place(rabbitmq))
    link.begun()

    def bad() -> None:
        raise ValueError("planted")

    link.post(bad)
    assert until(lambda: link.owner.told.count("up") == 2, IN_TIME)
    assert "planted" in link.owner.told[1]
    assert link.stop(2.0)


def test_a_link_that_was_never_started_is_stopped() -> None:
    assert Link(BROKER).stop(0.1)


@pytest.mark.parametrize(
    ("text", "broker"),
    [
        ("amqp://h", Broker("h")),
        ("amqp://h/", Broker("h")),
        ("amqp://h:1/%2F", Broker("h", 1)),
        ("amqp://u:p%40@h:5673/vh", Broker("h", 5673, "vh", "u", "p@")),
    ],
)
def test_a_url_names_a_broker(text: str, broker: Broker) -> None:
    assert Broker.parse(text) == broker


@pytest.mark.parametrize(
    "text", ["http://h", "amqp://", "h:5672", "amqp://h:x", "amqp://h:70000", "amqp://h?x=1", "amqp://u:secret@h:0"]
)
def test_what_is_no_url_of_a_broker_is_refused_and_no_password_shown(text: str) -> None:
    with pytest.raises(BadInput, match=r"amqp://127\.0\.0\.1:5672/") as refusal:
        Broker.parse(text)
    assert "secret" not in str(refusal.value)


def test_a_broker_shows_no_password() -> None:
    assert "p4ss" not in f"{Broker('h', password='p4ss')} {Broker('h', password='p4ss')!r}"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exceptions.AMQPHeartbeatTimeout("x"), "the broker was silent for 30 s"),
        (exceptions.AMQPConnectionError(exceptions.StreamLostError("x")), "the connection was lost"),
        (exceptions.ConnectionClosedByBroker(320, "CONNECTION_FORCED"), "CONNECTION_FORCED (320)"),
        (exceptions.ChannelClosedByBroker(404, "NOT_FOUND"), "NOT_FOUND (404)"),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known"),
        (TimeoutError(), "the broker does not answer"),
        (ValueError(), "ValueError"),
    ],
)
def test_an_error_is_told_in_words_for_people(error: BaseException, said: str) -> None:
    assert reason_of(error, BROKER) == said
