"""What cannot work with the credentials at hand is said before anything starts, and nobody is contacted for it."""

import json
import sys
import time
from pathlib import Path

import pytest

from gateway.app.cli import main
from gateway.app.credentials_check import Lack, lacks
from gateway.backends.open import open_backend
from gateway.config.backend_url import BackendUrl
from gateway.config.models import Auth, Kerberos
from gateway.core.errors import BadInput
from gateway.runtime.clock import SystemClock
from simulator.facility import shipped_facility
from simulator.services import Services
from tests.config.loading import loaded
from tests.support.kdc import REALM, USER, Kdc
from tests.support.tokens import SECRET, token_for

CLOCK = SystemClock()
ANONYMOUS = "it has no credentials, and the service takes settings of known users alone; give it auth."


@pytest.fixture(autouse=True)
def _environment(realm: Kdc, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in realm.environment.items():
        monkeypatch.setenv(name, value)


def found(backends: str, *devices: str, writes: str = "on") -> list[Lack]:
    entries = "".join(f"  - {{{device}}}\n" for device in devices)
    return lacks(loaded(f"gateway: {{writes: {writes}}}\nbackends: {{{backends}}}\ndevices:\n{entries}"), CLOCK)


def dpm(kerberos: str, name: str = "dpm") -> str:
    return f'{name}: {{url: "dpm+http://dpm.example", auth: {{kerberos: {{{kerberos}}}}}}}'


WRITABLE = 'device: "Z:ACLTST", writable: true'


def test_with_a_keytab_or_a_ticket_everything_can_work(realm: Kdc) -> None:
    assert found(dpm(f"keytab: {realm.user_keytab}"), WRITABLE) == []
    assert found(dpm(f"keytab: {realm.user_keytab}, principal: user1"), WRITABLE) == []
    assert found(dpm(""), WRITABLE) == []
    assert found(dpm(f"principal: {USER}"), WRITABLE) == []


@pytest.mark.parametrize(
    ("kerberos", "reason"),
    [
        ("keytab: /none/k", "the keytab /none/k cannot be read: No such file or directory"),
        (
            "keytab: /dev/null",
            "the keytab /dev/null cannot be used: it is no keytab: its first two bytes are not 05 02",
        ),
        ("keytab: {user}, principal: user2", "the keytab {user} has no key of user2@FNAL.GOV; it has user1@FNAL.GOV"),
        (
            "cache: 'FILE:/none/c'",
            "there is no Kerberos ticket of this user in FILE:/none/c; get one with kinit, or give the backend a "
            "keytab (auth.kerberos.keytab)",
        ),
    ],
)
def test_what_is_wrong_with_the_files_is_said_with_its_remedy(realm: Kdc, kerberos: str, reason: str) -> None:
    kerberos, reason = (text.format(user=realm.user_keytab) for text in (kerberos, reason))
    expected = [Lack(f"writing Z:ACLTST cannot work: backend dpm: {reason}", fatal=False)]
    assert found(dpm(kerberos), WRITABLE) == expected


def test_a_ticket_that_has_expired_is_said_to_have(realm: Kdc, tmp_path: Path) -> None:
    keytab = realm.add(f"brief@{REALM}", tmp_path / "brief.keytab", life="1s")
    realm.login(f"brief@{REALM}", keytab, tmp_path / "cache")
    time.sleep(2.1)
    (lack,) = found(dpm(f"cache: 'FILE:{tmp_path / 'cache'}'"), WRITABLE)
    assert lack.sentence.startswith(
        "writing Z:ACLTST cannot work: backend dpm: the Kerberos ticket of this user in "
        f"FILE:{tmp_path / 'cache'} has expired; get a new one with kinit, or give the backend a keytab"
    )


def test_nobody_is_contacted(realm: Kdc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'none'}")
    before = (realm.folder / "kdc.log").read_text("utf-8")
    (lack,) = found(dpm(""), WRITABLE)
    assert "there is no Kerberos ticket of this user" in lack.sentence
    monkeypatch.setenv("KRB5_CLIENT_KTNAME", f"FILE:{realm.user_keytab}")  # from which Kerberos helps itself
    assert found(dpm(""), WRITABLE) == []
    monkeypatch.setenv("KRB5_CLIENT_KTNAME", "FILE:/none/k")
    (lack,) = found(dpm(""), WRITABLE)
    assert "the keytab /none/k cannot be read" in lack.sentence
    assert found(dpm(f"keytab: {realm.user_keytab}"), WRITABLE) == []
    assert (realm.folder / "kdc.log").read_text("utf-8") == before


def test_devices_with_the_same_reason_share_a_sentence() -> None:
    devices = [f'device: "Z:D{number}", writable: true' for number in range(5)]
    (lack,) = found(dpm("keytab: /none/k"), *devices, 'device: "Z:READ"')
    assert lack.sentence.startswith("writing Z:D0, Z:D1, Z:D2 and 2 more cannot work: backend dpm: the keytab /none/k")


def test_settings_count_only_where_the_gateway_takes_any() -> None:
    assert found(dpm("keytab: /none/k"), WRITABLE, writes="off") == []
    assert found(dpm("keytab: /none/k"), 'device: "Z:ACLTST"') == []


def test_a_service_that_wants_to_know_its_readers_makes_readings_impossible() -> None:
    backends = 'dmq: {url: "dmq://broker.example", auth: {kerberos: {keytab: /none/k}}}'
    said = [(lack.sentence.partition(": backend dmq: ")[0], lack.fatal) for lack in found(backends, WRITABLE)]
    assert said == [("reading and writing Z:ACLTST cannot work", True)]


def test_a_route_that_has_another_way_is_said_to_have_it() -> None:
    backends = f"{dpm('keytab: /none/k', 'one')}, {dpm('', 'two')}"
    (lack,) = found(backends, 'device: "Z:ACLTST", writable: true, backend: [one, two]')
    assert lack.sentence.startswith("writing Z:ACLTST cannot work over one, but over two: backend one: the keytab")
    assert not lack.fatal


@pytest.mark.parametrize(
    ("url", "missing"),
    [
        ("dpm+http://dpm.example", "kerberos"),
        ("dpm+grpc://dpm.example", "jwt"),
        ("dpm+grpc://127.0.0.1", "jwt"),  # it sends no setting without a token, to whomever
        ("dpm+http://192.0.2.1", "kerberos"),
        ("dpm+http://127.0.0.1:6802", ""),  # a simulator may ask nobody who he is
        ("dpm+http://localhost", ""),
        ("dpm+http://[::1]", ""),
        ("sim:", ""),
    ],
)
def test_settings_without_credentials_are_said_to_be_refused_by_real_services(url: str, missing: str) -> None:
    expected = [f"writing Z:ACLTST cannot work: backend b: {ANONYMOUS}{missing}"] if missing else []
    assert [lack.sentence for lack in found(f'b: {{url: "{url}"}}', WRITABLE)] == expected


def test_a_token_file_has_to_be_there_and_to_hold_something(tmp_path: Path) -> None:
    def reasons(path: str) -> list[str]:
        backends = f'grpc: {{url: "dpm+grpc://dpm.example", auth: {{jwt: {{token_file: "{path}"}}}}}}'
        return [lack.sentence.partition("backend grpc: ")[2] for lack in found(backends, WRITABLE)]

    assert reasons("/none/t") == ["the token file /none/t cannot be read: No such file or directory"]
    assert reasons("/dev/null") == ["the token file /dev/null holds no token; it is empty"]
    token = tmp_path / "token"
    token.write_text("something")
    assert reasons(str(token)) == []
    token.write_text(token_for(SECRET, time.time() + 60))
    assert reasons(str(token)) == []
    token.write_text(token_for(SECRET, time.time() - 60))
    assert [reason[:22] for reason in reasons(str(token))] == ["its token expired 60 s"]


def test_a_command_that_prints_a_token_has_to_be_there_and_is_not_run() -> None:
    def reasons(command: str) -> list[str]:
        backends = f'grpc: {{url: "dpm+grpc://dpm.example", auth: {{jwt: {{token_command: [{command}, now]}}}}}}'
        return [lack.sentence.partition("backend grpc: ")[2] for lack in found(backends, WRITABLE)]

    assert reasons("no-such-program") == ["the token command no-such-program is not found"]
    assert reasons("env") == []


def test_an_extra_that_is_missing_is_named_with_how_to_get_it(realm: Kdc, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gateway.backends.kerberos", "gateway.backends.kerberos_ticket", "simulator.gss_acceptor"):
        monkeypatch.setitem(sys.modules, name, None)  # as if gssapi were not there
    (lack,) = found(dpm(""), WRITABLE)
    assert lack.sentence.endswith("kerberos_ticket; pip install 'acgate[kerberos]'")
    with pytest.raises(BadInput, match=r"backend dpm: auth.kerberos needs .*; pip install 'acgate\[kerberos\]'"):
        open_backend("dpm", BackendUrl("dpm+http", "127.0.0.1", 1), CLOCK, Auth(kerberos=Kerberos()))
    with pytest.raises(BadInput, match=r"a keytab needs .*; pip install 'acgate\[kerberos\]'"):
        Services(shipped_facility(), CLOCK, {}, keytab=realm.keytab)


@pytest.mark.parametrize(
    ("scheme", "code", "operations"), [("dpm+http", 0, "writing"), ("dmq", 1, "reading and writing")]
)
def test_check_says_it_and_fails_where_something_can_never_have_a_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scheme: str, code: int, operations: str
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "gateway: {writes: on}\n"
        f'backends: {{b: {{url: "{scheme}://host.example", auth: {{kerberos: {{keytab: /none/k}}}}}}}}\n'
        'devices: [{device: "Z:ACLTST", writable: true}]\n'
    )
    assert main(["check", str(config), "--json"]) == code
    out, err = capsys.readouterr()
    reason = "backend b: the keytab /none/k cannot be read: No such file or directory"
    sentence = f"{operations} Z:ACLTST cannot work: {reason}"
    assert sentence in json.loads(out)["warnings"]
    assert f"warning: {sentence}\n" in err
