"""What the system tests share: places of their own, and one demo that runs as long as the tests that need it."""

from collections.abc import Iterator

import pytest

from tests.support.processes import Running, Site


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A loopback of its own for one test."""
    with Site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture(scope="session")
def demo_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The loopback of the demo."""
    with Site(tmp_path_factory.mktemp("demo")) as made:
        yield made


@pytest.fixture(scope="session")
def demo(demo_site: Site) -> Iterator[Running]:
    """`acgate demo`; each client has devices of its own that it writes to."""
    running = demo_site.acgate("demo", ready=True)
    yield running
    running.end()
