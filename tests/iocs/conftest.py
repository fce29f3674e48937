"""Every test of a served plan runs twice: with plain scalars as rows, and with everything the ordinary way."""

import pytest

from tests.iocs.serving import Serving


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if hasattr(metafunc.module, "Serving") or hasattr(metafunc.module, "connected"):
        metafunc.fixturenames.append("way")
        metafunc.parametrize("way", ["rows", "ordinary"], indirect=True)


@pytest.fixture
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(Serving, "fast", request.param == "rows")
    return str(request.param)
