"""DPM over gRPC through the gateway to libca: nanoseconds, status in words, and tokens that end."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from gateway.wire.daq_replies import encode_scalar
from tests.backends.scripted_daq import ScriptedDaq
from tests.support.processes import HOST, Json, Running, Site, until
from tests.support.tokens import SECRET, token_for

STAMP = 1_790_000_000_123_456_789
MINOR, MAJOR, INVALID = 1, 2, 3
EXPIRES_IN = "GW1:BACKEND:grpc:TOKEN:EXPIRES_IN"
DEVICES = """\
  - {device: "M:OUTTMP", event: "p,100"}
  - {device: "Z:ACLTST", event: "p,200", writable: true}
  - {device: "I:STAIRS[0:15]", event: "p,500"}
"""


def config(address: str, token: Path, devices: str = DEVICES) -> str:
    return (
        f"gateway: {{name: GW1, interfaces: [{HOST}], writes: on}}\n"
        f'backends: {{grpc: {{url: "dpm+grpc://{address}", auth: {{jwt: {{token_file: "{token}"}}}}}}}}\n'
        f'metadata: {{url: "sim:"}}\ndevices:\n{devices}'
    )


def newest(client: Running, name: str) -> Json:
    found = [line for line in client.lines() if line.get("pv") == name]
    return found[-1] if found else {}


def put(client: Running, number: int, name: str, value: float) -> Json:
    """Put, and how it ended."""
    stdin = client.process.stdin
    assert stdin is not None
    stdin.write(f"put {number} {name} {value}\n".encode())
    stdin.flush()
    assert until(lambda: [line for line in client.lines() if line.get("put") == str(number)], 10.0), client.report()
    return next(line for line in client.lines() if line.get("put") == str(number))


def test_a_sample_arrives_with_all_nine_digits_of_its_stamp(site: Site) -> None:
    def read(texts: list[str], context: grpc.ServicerContext) -> Iterator[bytes]:
        for index, text in enumerate(texts):
            if text.startswith("M:OUTTMP"):
                yield encode_scalar(index, STAMP, 72.5)
        yield from server.until_over(context)

    with ScriptedDaq() as server:
        server.read = read
        token = site.folder / "token"
        token.write_text("opaque")
        gateway = site.run(config(f"{HOST}:{server.port}", token, '  - {device: "M:OUTTMP", event: "p,1000"}\n'))
        client = site.client("live_aioca", "M:OUTTMP", stdin=True)
        assert until(lambda: newest(client, "M:OUTTMP").get("value") == 72.5, 10.0), client.report()
        assert newest(client, "M:OUTTMP")["stamp_ns"] == STAMP
        client.end()
        gateway.end()


@pytest.fixture
def simulator(site: Site) -> Running:
    secret = site.folder / "secret"
    secret.write_bytes(SECRET)
    return site.simulate("--dpm-grpc-port", "0", "--devdb-port", "0", "--jwt-secret", str(secret))


def test_a_token_that_ends_ends_settings_and_nothing_else(site: Site, simulator: Running) -> None:
    token = site.folder / "token"
    first = token_for(SECRET, time.time() + 250)
    token.write_text(first)
    gateway = site.run(config(simulator.said["dpm_grpc"], token))
    names = ["M:OUTTMP", "Z:ACLTST", "Z:ACLTST:SP_RBV", "Z:ACLTST:STS:ON", "Z:ACLTST:WR:MSG", EXPIRES_IN]
    client = site.client("live_aioca", *names, stdin=True)
    assert until(lambda: all(newest(client, name) for name in names), 15.0), client.report()
    assert until(lambda: newest(client, "M:OUTTMP")["severity"] == 0, 5.0)
    assert until(lambda: newest(client, "Z:ACLTST:STS:ON")["value"] == 1.0, 5.0), client.report()
    assert newest(client, "M:OUTTMP")["stamp_ns"] % 1_000_000 != 0  # the simulator's clock has nanoseconds
    assert until(lambda: newest(client, EXPIRES_IN)["severity"] == MINOR, 5.0), client.report()
    assert 200 < newest(client, EXPIRES_IN)["value"] < 250

    assert put(client, 1, "Z:ACLTST:SP", 12.5)["ok"]
    assert until(lambda: newest(client, "Z:ACLTST:SP_RBV")["value"] == 12.5, 5.0)

    second = token_for(SECRET, time.time() + 2)
    token.write_text(second)
    assert until(lambda: newest(client, EXPIRES_IN)["severity"] == MAJOR, 5.0), client.report()
    assert until(lambda: newest(client, EXPIRES_IN)["value"] == 0.0, 5.0), client.report()
    refused = put(client, 2, "Z:ACLTST:SP", 20.0)
    assert not refused["ok"]
    assert until(lambda: "the token of backend grpc expired" in newest(client, "Z:ACLTST:WR:MSG")["value"], 5.0), (
        client.report()
    )
    before = len([line for line in client.lines() if line.get("pv") == "M:OUTTMP"])
    assert until(lambda: len([one for one in client.lines() if one.get("pv") == "M:OUTTMP"]) > before + 10, 5.0)
    assert newest(client, "M:OUTTMP")["severity"] == 0
    assert newest(client, "Z:ACLTST:SP_RBV")["value"] == 12.5

    third = token_for(SECRET, time.time() + 3600)
    token.write_text(third)
    assert put(client, 3, "Z:ACLTST:SP", 30.0)["ok"]
    assert until(lambda: newest(client, "Z:ACLTST:SP_RBV")["value"] == 30.0, 5.0)
    assert until(lambda: newest(client, EXPIRES_IN)["severity"] == 0, 5.0), client.report()

    wrong = token_for(SECRET, time.time() + 3600, "reader")
    token.write_text(wrong)
    assert not put(client, 4, "Z:ACLTST:SP", 40.0)["ok"]
    assert until(lambda: "does not let this token set it" in newest(client, "Z:ACLTST:WR:MSG")["value"], 5.0)

    client.end()
    gateway.end()
    said = gateway.out + gateway.err + client.out + client.err + simulator.out + simulator.err
    assert not any(secret in said for secret in (first, second, third, wrong, SECRET.decode()))


def test_a_server_that_is_killed_is_noticed_and_found_again_and_nothing_grows(site: Site, simulator: Running) -> None:
    address = simulator.said["dpm_grpc"]
    token = site.folder / "token"
    token.write_text("opaque")
    gateway = site.run(config(address, token))
    names = ["M:OUTTMP", "Z:ACLTST", "Z:ACLTST:SP_RBV", "Z:ACLTST:STS:ON", "I:STAIRS"]
    client = site.client("live_aioca", *names, stdin=True)

    def severities() -> set[int]:
        return {newest(client, name).get("severity", -1) for name in names}

    assert until(lambda: severities() == {0}, 20.0), client.report()
    threads, descriptors = gateway.threads(), gateway.descriptors()
    for _ in range(3):
        simulator.kill()
        assert until(lambda: severities() == {INVALID}, 20.0), client.report()
        simulator = site.simulate("--dpm-grpc-port", address.rpartition(":")[2], "--devdb-port", "0")
        assert until(lambda: severities() == {0}, 20.0), client.report()
    assert until(lambda: gateway.threads() <= threads and gateway.descriptors() <= descriptors, 20.0)
    simulator.process.send_signal(signal.SIGSTOP)  # it keeps its connections and says nothing
    assert until(lambda: severities() == {INVALID}, 20.0), client.report()
    assert until(lambda: "no sign of the server for 4.5 s" in gateway.err, 20.0), gateway.err
    simulator.process.send_signal(signal.SIGCONT)
    assert until(lambda: severities() == {0}, 20.0), client.report()
    client.end()
    gateway.end()
    simulator.end()
    assert "Traceback" not in gateway.err, gateway.err
    assert gateway.err.count("the link is back") == 4


def test_the_commands_speak_over_grpc_and_take_the_token_from_the_environment(
    site: Site, simulator: Running, tmp_path: Path
) -> None:
    backend = ("--backend", f"dpm+grpc://{simulator.said['dpm_grpc']}")
    read = site.acgate("read", "M:OUTTMP", "Z:ACLTST", "I:STAIRS[0:3]", *backend)
    assert read.process.wait(15.0) == 0, read.report()
    assert [line.split()[0] for line in read.out.splitlines()] == ["M:OUTTMP", "Z:ACLTST", "I:STAIRS[0:3]"]

    nobody = site.acgate("write", "Z:ACLTST", "7", *backend)
    assert nobody.process.wait(15.0) == 1, nobody.report()
    assert "the environment variable ACGATE_JWT is not set; put a token in it" in nobody.out + nobody.err
    with Site(tmp_path, {"ACGATE_JWT": token_for(SECRET, time.time() + 60)}) as known:
        somebody = known.acgate("write", "Z:ACLTST", "7", *backend)
        assert somebody.process.wait(15.0) == 0, somebody.report()
    watch = site.acgate("watch", "Z_ACLTST@p,100", "--count", "3", *backend)
    assert watch.process.wait(15.0) == 0, watch.report()
    assert [line.split()[1] for line in watch.out.splitlines()] == ["7"] * 3
