"""Every test of a served plan runs twice: with plain scalars as rows, and with everything the ordinary way."""

import pytest

from tests.iocs.serving import Serving


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if hasattr(metafunc.module, "Serving") or hasattr(metafunc.module, "connected"):
        metafunc.parametrize("way", ["rows", "ordinary"], indirect=True)


@pytest.fixture(
    autouse=True
)  # or else pytest makes it for tests only that ask for it, and runs the others twice the same
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    chosen = str(getattr(request, "param", "rows"))
    monkeypatch.setattr(Serving, "fast", chosen == "rows")
    return chosen
