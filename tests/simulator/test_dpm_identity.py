"""A list that checks who its client is, from sections 10 to 12 of dpm-http.md, with tokens of a real KDC."""

from collections.abc import Callable, Iterator

import pytest

from gateway.backends.kerberos import KerberosCredentials
from gateway.backends.kerberos_ticket import SecurityContext
from gateway.config.models import Kerberos
from gateway.core.status import PRIV
from gateway.runtime.clock import SystemClock
from gateway.wire import dpm
from simulator.dpm_identity import KerberosIdentity, service_name
from simulator.dpm_list import DpmList
from simulator.facility import Facility, shipped_facility
from simulator.gss_acceptor import Acceptor
from tests.simulator.dpm_client import setting
from tests.support.kdc import SERVICE, Kdc

NOW = 1_700_000_000_000_000_000
REFUSED_TOKEN = [dpm.StatusReply(0, NOW // 1_000_000, 0, PRIV.packed)]
ENABLED, NOT_ENABLED = dpm.StatusReply(0, 0, -1, 0), dpm.StatusReply(0, 0, -1, PRIV.packed)
pytestmark = pytest.mark.usefixtures("kerberos_environment")


class Listing:
    """A list of a client whom nobody knows yet."""

    def __init__(self, acceptor: Acceptor) -> None:
        self.facility: Facility = shipped_facility()
        identity = KerberosIdentity(acceptor, "daeset/bd@localhost", self.facility.permissions)
        self.list = DpmList(4096, self.facility, NOW, identity)

    def do(self, message: dpm.Request) -> list[object]:
        stream, answer = self.list.handle(message, NOW)
        return [*stream, *([answer] if answer else [])]

    def log_in(self, context: SecurityContext) -> None:
        assert [dpm.AuthenticateReply("daeset/bd@localhost", b"")] == self.do(dpm.Authenticate(4096, b""))
        token = context.step() or b""
        assert [dpm.AuthenticateReply("daeset/bd@localhost", None)] == self.do(dpm.Authenticate(4096, token))
        assert [ENABLED] == self.do(dpm.EnableSettings(4096, context.sign(b"1234"), b"1234"))

    def set(self, *requests: str) -> list[int]:
        for ref, request in enumerate(requests, 1):
            self.do(dpm.AddToList(4096, ref, request))
        applied = self.do(setting(4096, 1, 3.0))
        assert isinstance(applied[-1], dpm.ApplySettingsReply)
        return [one.status for one in applied[-1].status]


@pytest.fixture
def client(kdc: Kdc) -> Iterator[Callable[[], SecurityContext]]:
    """Makes contexts of the user for the service."""
    credentials = KerberosCredentials(Kerberos(keytab=str(kdc.user_keytab)), SystemClock())
    yield lambda: credentials.context(SERVICE)
    credentials.close()


@pytest.fixture
def of(kdc: Kdc) -> Listing:
    return Listing(Acceptor(kdc.keytab))


def test_who_has_logged_in_and_names_a_role_may_set_its_devices(of: Listing, client: Callable) -> None:
    of.log_in(client())
    of.do(dpm.AddToList(4096, 0, "#ROLE:testing"))
    assert [0] == of.set("Z:ACLTST.SETTING@N")


@pytest.mark.parametrize("role", ["", "weather", "operations"])
def test_without_a_role_that_fits_the_setting_is_refused(of: Listing, client: Callable, role: str) -> None:
    of.log_in(client())
    if role:
        of.do(dpm.AddToList(4096, 0, f"#ROLE:{role}"))
    assert [PRIV.packed] == of.set("Z:ACLTST.SETTING@N")
    assert [] == of.facility.settings()


def test_nobody_may_set_anything_and_bad_requests_are_not_told_from_good_ones(of: Listing) -> None:
    assert [PRIV.packed] == of.set("Z:ACLTST.SETTING@N")
    assert [PRIV.packed] == of.set("Z:NOTFND.SETTING@N")


def test_the_identity_stays_when_the_list_is_stopped_and_cleared(of: Listing, client: Callable) -> None:
    of.log_in(client())
    for message in (dpm.StopList(4096), dpm.ClearList(4096), dpm.AddToList(4096, 0, "#ROLE:testing")):
        of.do(message)
    assert [0] == of.set("Z:ACLTST.SETTING@N")


def test_a_token_that_is_none_is_refused_and_so_is_every_signature_after_it(of: Listing) -> None:
    assert REFUSED_TOKEN == of.do(dpm.Authenticate(4096, b"junk"))
    assert [NOT_ENABLED] == of.do(dpm.EnableSettings(4096, b"mic", b"1234"))
    assert [PRIV.packed] == of.set("Z:ACLTST.SETTING@N")


def test_a_token_that_was_used_before_is_refused(of: Listing, client: Callable, kdc: Kdc) -> None:
    token = client().step() or b""
    assert [dpm.AuthenticateReply("daeset/bd@localhost", None)] == of.do(dpm.Authenticate(4096, token))
    assert REFUSED_TOKEN == Listing(Acceptor(kdc.keytab)).do(dpm.Authenticate(4096, token))


def test_a_wrong_signature_is_refused_and_the_client_stays_nobody(of: Listing, client: Callable) -> None:
    context = client()
    of.do(dpm.Authenticate(4096, context.step() or b""))
    assert [NOT_ENABLED] == of.do(dpm.EnableSettings(4096, context.sign(b"1234"), b"1235"))
    of.do(dpm.AddToList(4096, 0, "#ROLE:testing"))
    assert [PRIV.packed] == of.set("Z:ACLTST.SETTING@N")
    assert [ENABLED] == of.do(dpm.EnableSettings(4096, context.sign(b"any bytes"), b"any bytes"))
    assert [0] == of.set("Z:ACLTST.SETTING@N")


def test_enabling_without_any_context_is_answered_with_0_and_means_nothing(of: Listing) -> None:
    assert [ENABLED] == of.do(dpm.EnableSettings(4096, b"mic", b"1234"))
    of.do(dpm.AddToList(4096, 0, "#ROLE:testing"))
    assert [PRIV.packed] == of.set("Z:ACLTST.SETTING@N")


def test_an_empty_token_forgets_the_context(of: Listing, client: Callable) -> None:
    context = client()
    of.do(dpm.Authenticate(4096, context.step() or b""))
    of.do(dpm.Authenticate(4096, b""))
    assert [ENABLED] == of.do(dpm.EnableSettings(4096, context.sign(b"1234"), b"1234"))
    assert [PRIV.packed] == of.set("Z:ACLTST.SETTING@N")


def test_each_refusal_is_logged_with_its_reason(
    of: Listing, client: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    of.do(dpm.Authenticate(4096, b"junk"))
    of.do(dpm.Authenticate(4096, b""))
    of.log_in(client())
    of.do(dpm.EnableSettings(4096, b"mic", b"1234"))
    of.log_in(client())
    of.set("Z:ACLTST.SETTING@N")
    assert [record.message for record in caplog.records] == [
        "DPM/HTTP refuses a token: the token is no token of Kerberos",
        "DPM/HTTP does not enable settings: the signature is wrong",
        "DPM/HTTP refuses a setting: user1 may not set Z:ACLTST without a role",
    ]


@pytest.mark.parametrize(
    ("principals", "name"),
    [
        ([SERVICE], "daeset/bd@localhost"),
        (["daeset/bd/dmq.fnal.gov@FNAL.GOV", "daeset/bd/dpm05.fnal.gov@FNAL.GOV"], "daeset/bd@dpm05.fnal.gov"),
        (["host/a@X", "daeset/bd/dmq.fnal.gov@FNAL.GOV"], "daeset/bd@dmq.fnal.gov"),
        (["user1@FNAL.GOV"], "user1"),
    ],
)
def test_the_service_name_is_made_from_the_key_that_is_for_dpm(principals: list[str], name: str) -> None:
    assert name == service_name(principals)
