"""No credential in any log, PV, ready file or output: everything that a gateway says at DEBUG level is searched.

Searched for: the keys of the keytabs, the text of the JWT, and each token and signature of Kerberos that went over the
wire, which a relay has kept; as they are, in hexadecimal, in base64, and as Python writes bytes.
"""

import base64
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ca_client import CaClient
from tests.support.kdc import REALM, Kdc
from tests.support.processes import HOST, ROOT, Site
from tests.support.rabbitmq import RabbitMq
from tests.support.recorder import Recorder, recorded
from tests.support.tokens import SECRET, token_for

KERBEROS_OID = bytes.fromhex("06092a864886f712010202")
MIC_START = bytes.fromhex("040400ffffffffff")  # as the initiator signs, with AES (dmq.md 4.2)
JWTS = ("grpc", "roleless")  # backends that have a JWT
WINDOW = 24  # bytes of a secret that are enough to say that it was told
DEVICES = {
    "dpm": "Z:ACLTST",
    "weather": "Z:CLIP",
    "lacking": "I:H801",
    "stale": "Z:OFFSET",
    "dmq": "Z:ACLTS1",
    "grpc": "D:RFPHAS",
    "roleless": "I:V802",
}


def keys_of(keytab: Path) -> list[bytes]:
    """The keys in a keytab: what stands behind the principal, its type, time and version of each entry."""
    content, at, keys = keytab.read_bytes(), 2, []
    while at < len(content):
        (size,) = struct.unpack_from(">i", content, at)
        entry = content[at + 4 : at + 4 + abs(size)]
        place = 2
        for _ in range(struct.unpack_from(">H", entry)[0] + 1):
            place += 2 + struct.unpack_from(">H", entry, place)[0]
        place += 4 + 4 + 1 + 2
        (length,) = struct.unpack_from(">H", entry, place)
        keys.append(entry[place + 2 : place + 2 + length])
        at += 4 + abs(size)
    return keys


def tokens_of(sent: bytes) -> list[bytes]:
    """The tokens of Kerberos in what a client has sent: an ASN.1 header with two bytes of length, then the OID."""
    found = []
    for match in re.finditer(re.escape(KERBEROS_OID), sent):
        start = match.start() - 4
        if sent[start : start + 2] == b"\x60\x82":
            found.append(sent[start : start + 4 + int.from_bytes(sent[start + 2 : start + 4], "big")])
    return found


def mics_of(sent: bytes) -> list[bytes]:
    """The signatures in what a client has sent; what they begin with is no secret."""
    return [sent[match.end() : match.end() + 20] for match in re.finditer(re.escape(MIC_START), sent)]


def forms(secret: bytes) -> Iterator[bytes]:
    """How a part of a secret may stand in a text."""
    size = min(WINDOW, len(secret))
    for start in range(0, len(secret) - size + 1, 3):  # base64 writes three bytes as four signs
        part = secret[start : start + size]
        yield from (part, part.hex().encode(), part.hex().upper().encode(), repr(part)[2:-1].encode())
        whole = part[: len(part) // 3 * 3]
        yield from (base64.b64encode(whole), base64.urlsafe_b64encode(whole))


def betrayed(secrets: list[bytes], said: bytes) -> list[str]:
    """The forms of secrets that stand in what was said."""
    return sorted({form[:16].decode("latin-1") for secret in secrets for form in forms(secret) if form in said})


def config(dpm: Recorder, amqp: Recorder, grpc: str, realm: Kdc, folder: Path) -> str:
    """A gateway that reads and writes over DPM/HTTP, DMQ and gRPC, well and in vain."""
    url, keytab = f"dpm+http://{HOST}:{dpm.port}", f"keytab: {realm.user_keytab}"
    backends = {
        "dpm": f'{{url: "{url}?role=testing", auth: {{kerberos: {{{keytab}}}}}}}',
        "weather": f'{{url: "{url}?role=weather", auth: {{kerberos: {{}}}}}}',
        "lacking": f'{{url: "{url}?role=testing", auth: {{kerberos: {{{keytab}, principal: user2}}}}}}',
        "stale": f'{{url: "{url}?role=testing", auth: {{kerberos: {{keytab: {folder / "stale.keytab"}}}}}}}',
        "dmq": f'{{url: "dmq://{HOST}:{amqp.port}/", auth: {{kerberos: {{{keytab}}}}}}}',
        "grpc": f'{{url: "dpm+grpc://{grpc}", auth: {{jwt: {{token_file: {folder / "token"}}}}}}}',
        "roleless": f'{{url: "dpm+grpc://{grpc}", auth: {{jwt: {{token_file: {folder / "roleless"}}}}}}}',
    }
    lines = [f"gateway: {{name: GW1, interfaces: [{HOST}], writes: on}}", "backends:"]
    lines += [f"  {name}: {backend}" for name, backend in backends.items()]
    lines += ['metadata: {url: "sim:"}', "devices:"]
    lines += [f'  - {{device: "{device}", backend: {name}, writable: true}}' for name, device in DEVICES.items()]
    return "\n".join(lines) + "\n"


def gateway_pvs() -> list[str]:
    """The PVs of the gateway itself, as the page of PVs lists them, for each backend."""
    page = (ROOT / "docs" / "reference" / "pvs.md").read_text("utf-8")
    names = re.findall(r"^\| `(GW1:[^`]+)`", page, re.M)
    single = [name for name in names if ":name:" not in name and ":a+b:" not in name]
    each = [name.replace(":name:", f":{backend}:") for name in names if ":name:" in name for backend in DEVICES]
    ends = [f"GW1:BACKEND:{name}:{'TOKEN' if name in JWTS else 'TICKET'}:EXPIRES_IN" for name in DEVICES]
    return [*single, *each, *ends]


class Everything:
    """All that was said, and the secrets that must not be in it."""

    def __init__(self) -> None:
        self.said: dict[str, bytes] = {}
        self.secrets: dict[str, list[bytes]] = {}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, realm: Kdc, rabbitmq: RabbitMq) -> Everything:
    folder, loud = tmp_path_factory.mktemp("secrets"), tmp_path_factory.mktemp("loud")
    (loud / "sitecustomize.py").write_text("import logging\nlogging.basicConfig(level=logging.DEBUG)\n")
    realm.add(f"stale@{REALM}", folder / "stale.keytab")
    realm.administer(f"ktadd -k {folder / 'newer.keytab'} stale@{REALM}")
    (folder / "secret").write_bytes(SECRET)
    jwts = {"token": token_for(SECRET, 4e9, "testing"), "roleless": token_for(SECRET, 4e9, "reading")}
    for name, jwt in jwts.items():
        (folder / name).write_text(jwt)
    found = Everything()
    with Site(folder, {**realm.environment, "PYTHONPATH": str(loud)}) as site:
        simulator = site.simulate("--keytab", str(realm.keytab), "--amqp", rabbitmq.url, "--dpm-grpc-port", "0",
                                  "--jwt-secret", str(folder / "secret"))  # fmt: skip
        with recorded(simulator.said["dpm_http"]) as dpm, recorded(f"127.0.0.1:{rabbitmq.port}") as amqp:
            text = config(dpm, amqp, simulator.said["dpm_grpc"], realm, folder)
            (folder / "config.yaml").write_text(text)
            gateway = site.run(text)
            client = site.client("puts_pyepics", "3.5", *DEVICES.values())
            assert client.wait(90.0) == 0, client.report()
            states = {line["device"]: line["state"] for line in client.lines()}
            assert [states[device] for device in DEVICES.values()] == [
                "ACCEPTED", "DENIED", "FAILED", "FAILED", "ACCEPTED", "ACCEPTED", "DENIED",
            ], client.out  # fmt: skip
            plain = site.acgate("check", str(folder / "config.yaml"))
            checked = site.acgate("check", str(folder / "config.yaml"), "--json")
            assert (plain.wait(30.0), checked.wait(30.0)) == (0, 0), checked.report()
            names = [pv["name"] for pv in json.loads(checked.out)["pvs"]] + gateway_pvs()
            with CaClient(site.ca_port) as ca:
                found.said["PVs"] = "\n".join(f"{name} {ca.get(ca.create(name))!r}" for name in names).encode()
            read = site.acgate("read", "Z:ACLTST", "--json", "--backend", f"dpm+http://{HOST}:{dpm.port}")
            dmq = site.acgate("read", "Z:ACLTST", "--json", "--backend", f"dmq://{HOST}:{amqp.port}/")
            assert (read.wait(30.0), dmq.wait(30.0)) == (0, 0), dmq.report()
            gateway.end()
            simulator.end()
            sent = [*dpm.sent, *amqp.sent]
        files = [path for path in folder.iterdir() if path.suffix in (".out", ".err", ".ready")]
        found.said |= {path.name: path.read_bytes() for path in files}
    found.secrets = {
        "keys": [key for path in (realm.user_keytab, realm.keytab, folder / "stale.keytab") for key in keys_of(path)],
        "tokens": [token for data in sent for token in tokens_of(data)],
        "signatures": [mic for data in sent for mic in mics_of(data)],
        "JWT": [SECRET, *(part.encode() for jwt in jwts.values() for part in jwt.split(".")[1:])],
    }
    return found


def test_the_relay_has_kept_tokens_and_signatures_and_the_keytabs_have_keys(everything: Everything) -> None:
    counts = {name: len(secrets) for name, secrets in everything.secrets.items()}
    assert counts["tokens"] >= 4
    assert counts["signatures"] >= 4
    assert counts["keys"] == 4
    assert all(len(token) > 500 for token in everything.secrets["tokens"])
    assert all(len(key) == 32 for key in everything.secrets["keys"])


def test_the_processes_were_as_talkative_as_they_can_be(everything: Everything) -> None:
    (gateway,) = [said for name, said in everything.said.items() if name.endswith("-run.err")]
    assert b"DEBUG:caproto" in gateway
    assert b"is not the one that the Kerberos server has" in gateway


@pytest.mark.parametrize("kind", ["keys", "tokens", "signatures", "JWT"])
def test_no_credential_stands_in_anything_that_was_said(everything: Everything, kind: str) -> None:
    found = {name: betrayed(everything.secrets[kind], said) for name, said in everything.said.items()}
    assert {name: forms for name, forms in found.items() if forms} == {}


@pytest.mark.parametrize(
    "write",
    [
        lambda secret: secret,
        lambda secret: secret.hex().encode(),
        lambda secret: secret.hex(" ").replace(" ", "").upper().encode(),
        lambda secret: base64.b64encode(secret),
        lambda secret: repr(secret).encode(),
        lambda secret: base64.urlsafe_b64encode(secret),
    ],
)
def test_the_search_finds_a_secret_that_was_told(everything: Everything, write: object) -> None:
    assert callable(write)
    for kind in ("keys", "tokens", "JWT"):
        secret = everything.secrets[kind][0]
        assert betrayed([secret], b"before " + write(secret) + b" after")
