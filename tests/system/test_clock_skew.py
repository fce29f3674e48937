"""A client whose clock is wrong by ten minutes: refused by the KDC, or by the service, each with its own words."""

import shutil
from collections.abc import Iterator, Mapping

import pytest

from tests.support.kdc import Kdc
from tests.support.processes import Running, Site


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, kdc: Kdc) -> Iterator[tuple[Site, Running]]:
    """A simulator that checks, and where clients find it."""
    with Site(tmp_path_factory.mktemp("skew"), kdc.environment) as site:
        simulator = site.simulate("--keytab", str(kdc.keytab))
        yield site, simulator
        simulator.end()


def write(place: tuple[Site, Running], clock: str, more: Mapping[str, str]) -> tuple[int, str]:
    """`acgate write` under a clock that is wrong by so much, such as `+10m`; exit code and what it says."""
    site, simulator = place
    faketime = shutil.which("faketime")
    assert faketime, "faketime is missing: `make test` installs it (tools/system-packages.sh)"
    wrong = [faketime, "-f", clock] if clock else []
    uri = f"dpm+http://{simulator.said['dpm_http']}?role=testing"
    running = site.command([*wrong, "env", *(f"{name}={value}" for name, value in more.items())],
                           "write", "Z:ACLTST", "4", "--kerberos", "--backend", uri)  # fmt: skip
    return running.wait(30.0), running.out + running.err


def test_a_right_clock_is_accepted(place: tuple[Site, Running]) -> None:
    code, says = write(place, "", {})
    assert (code, says) == (0, "Z:ACLTST  accepted\n")


def test_a_ticket_that_is_used_under_a_wrong_clock_is_refused_by_the_service(place: tuple[Site, Running]) -> None:
    code, says = write(place, "+10m", {})
    assert code == 1
    assert "the server refuses the Kerberos token (DPM_PRIV [17 -17]); see its clock, its keytab and its log" in says
    assert "nothing was sent" in says
    assert "DPM/HTTP refuses a token: the clocks of client and server differ too much" in place[1].err


@pytest.mark.parametrize("clock", ["+10m", "-10m"])
def test_no_ticket_is_got_under_a_wrong_clock(place: tuple[Site, Running], kdc: Kdc, clock: str) -> None:
    keytab = {"KRB5_CLIENT_KTNAME": f"FILE:{kdc.user_keytab}", "KRB5CCNAME": f"FILE:{place[0].folder / clock}"}
    code, says = write(place, clock, keytab)
    assert code == 1
    assert "the clock of this machine and that of the Kerberos server differ too much; set them (NTP)" in says
