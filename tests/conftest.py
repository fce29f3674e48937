"""What several rooms need and is dear: one Kerberos server and one RabbitMQ for the whole suite."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.kdc import Kdc, running_kdc
from tests.support.rabbitmq import RabbitMq, running_rabbitmq

# The suite says the same of the same code each time; `make hunt` looks for examples that nobody has seen.
# Machines are shared: how long one example takes says nothing.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("hunt", deadline=None, max_examples=2000)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def kdc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kdc]:
    """A KDC and a ticket of the user. Who stops it, or changes its principals, takes `realm`."""
    with running_kdc(tmp_path_factory.mktemp("kdc")) as started:
        yield started


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kdc]:
    """A KDC for one file of tests, which may stop it and change its principals."""
    with running_kdc(tmp_path_factory.mktemp("realm")) as started:
        yield started


@pytest.fixture
def kerberos_environment(kdc: Kdc, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process finds the KDC, and the user's ticket, as its children do."""
    for name, value in kdc.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMq]:
    """A broker. Who kills or pauses it takes one of its own."""
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as started:
        yield started
