"""Where a real part is missing the tests fail and say how to get it; nothing is skipped."""

from pathlib import Path

import pytest

from tests.support.kdc import program
from tests.support.rabbitmq import script
from tests.system.witness.witness import installed


def test_a_missing_client_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"pacsys is not installed .* `make test` installs it"):
        installed(tmp_path)


def test_a_client_without_kerberos_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / "lib/python3/site-packages/pacsys-0.3.0.dist-info").mkdir(parents=True)
    with pytest.raises(AssertionError, match=r"gssapi is missing .* `make test` installs it"):
        installed(tmp_path)


def test_a_missing_program_of_kerberos_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(AssertionError, match=r"no-such-kdc is missing: `make test` installs it"):
        program("no-such-kdc")


def test_a_missing_broker_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(AssertionError, match=r"no-such-broker, of the package rabbitmq-server, is missing: `make"):
        script("no-such-broker")
