"""The simulator, the KDC and the third-party client, each started by the suite and ended by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kdc import Kdc
from tests.system.witness.simulated import Simulated, simulated
from tests.system.witness.witness import Witness


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """The shipped facility, for all tests of a file."""
    with simulated(tmp_path_factory.mktemp("simulator")) as started:
        yield started


@pytest.fixture(scope="module")
def checking(tmp_path_factory: pytest.TempPathFactory, kdc: Kdc) -> Iterator[Simulated]:
    """The same with a keytab: it checks tokens, signatures and permissions."""
    folder = tmp_path_factory.mktemp("checking")
    with simulated(folder, "--keytab", str(kdc.keytab), environment=kdc.environment) as started:
        yield started


@pytest.fixture
def witness(simulator: Simulated) -> Iterator[Witness]:
    """A client that reads, its own process for each test."""
    with Witness(simulator.port) as client:
        yield client


@pytest.fixture(scope="module")
def writer(simulator: Simulated, kdc: Kdc) -> Iterator[Witness]:
    """A client with a Kerberos ticket and a role, the same for all tests of a file: it pools its connections."""
    with Witness(simulator.port, role="testing", timeout=8.0, environment=kdc.environment) as client:
        assert client.refused is None
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test that starts a simulator of its own keeps its files."""
    return tmp_path
