"""From EPICS to a DPM that checks: puts with tickets of a real KDC, and every refusal in words people can use."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.ca_client import STRING, CaClient
from tests.support.kdc import USER, Kdc
from tests.support.processes import HOST, Json, Running, Site, until

NONE, MAJOR = 0, 2
ROUTED = "D:RFPHAS"  # a device with two backends, of which the first has no ticket
DEVICES = {"testing": "Z:ACLTST", "weather": "Z:CLIP", "none": "Z:OFFSET", "anonymous": "Z:ACLTS1", "lacking": "I:H801"}


def config(simulator: Running, kdc: Kdc) -> str:
    """A gateway with a backend for each kind of user; one device each."""
    url, keytab = f"dpm+http://{simulator.said['dpm_http']}", f"keytab: {kdc.user_keytab}"
    backends = {
        "testing": f'{{url: "{url}?role=testing", auth: {{kerberos: {{{keytab}}}}}}}',
        "weather": f'{{url: "{url}?role=weather", auth: {{kerberos: {{{keytab}}}}}}}',
        "none": f'{{url: "{url}", auth: {{kerberos: {{}}}}}}',
        "anonymous": f'{{url: "{url}?role=testing"}}',
        "lacking": f'{{url: "{url}?role=testing", auth: {{kerberos: {{{keytab}, principal: user2}}}}}}',
    }
    lines = [f"gateway: {{name: GW1, interfaces: [{HOST}], writes: on}}", "backends:"]
    lines += [f"  {name}: {backend}" for name, backend in backends.items()]
    lines += ['metadata: {url: "sim:"}', "devices:"]
    lines += [f'  - {{device: "{device}", backend: {name}, writable: true}}' for name, device in DEVICES.items()]
    lines += [f'  - {{device: "{ROUTED}", backend: [lacking, testing], writable: true}}']
    return "\n".join(lines) + "\n"


@dataclass
class Stage:
    """A simulator that checks, and a gateway before it."""

    site: Site
    simulator: Running
    gateway: Running
    puts: dict[str, Json]  # what became of a put on each device


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, kdc: Kdc) -> Iterator[Stage]:
    with Site(tmp_path_factory.mktemp("kerberos"), kdc.environment) as site:
        simulator = site.simulate("--keytab", str(kdc.keytab))
        gateway = site.run(config(simulator, kdc))
        client = site.client("puts_pyepics", "3.5", *DEVICES.values(), ROUTED)
        assert client.wait(60.0) == 0, client.report()
        yield Stage(site, simulator, gateway, {line["device"]: line for line in client.lines()})
        gateway.end()
        simulator.end()


def put(stage: Stage, backend: str) -> Json:
    return stage.puts[DEVICES[backend]]


def applied(stage: Stage, device: str) -> float:
    """What the front end holds."""
    held = stage.site.acgate(
        "read", f"{device}.SETTING", "--json", "--backend", f"dpm+http://{stage.simulator.said['dpm_http']}"
    )
    value = held.result()["value"]
    assert isinstance(value, float)
    return value


def test_a_put_of_pyepics_is_accepted_by_a_dpm_that_checks(stage: Stage) -> None:
    said = put(stage, "testing")

    assert (said["value"], said["severity"], said["state"], said["message"]) == (3.5, NONE, "ACCEPTED", "")
    assert applied(stage, "Z:ACLTST") == 3.5


@pytest.mark.parametrize(
    ("backend", "says"),
    [
        ("weather", f"DPM_PRIV [17 -17]: the server does not allow it to {USER} with the role weather"),
        (
            "none",
            f"DPM_PRIV [17 -17]: the server does not allow it to {USER} without a role; name one in the URL (role=...)",
        ),
        (
            "anonymous",
            "DPM_PRIV [17 -17]: the server does not allow it without a user; give the backend credentials "
            "(auth.kerberos)",
        ),
    ],
)
def test_what_the_server_does_not_allow_is_denied_with_its_status_and_a_remedy(
    stage: Stage, backend: str, says: str
) -> None:
    said = put(stage, backend)

    assert (said["state"], said["message"], said["severity"]) == ("DENIED", says, NONE)
    assert said["value"] == applied(stage, DEVICES[backend]) == 1.0


def test_a_put_without_a_ticket_fails_with_the_reason_and_sends_nothing(stage: Stage, kdc: Kdc) -> None:
    said = put(stage, "lacking")

    assert (said["state"], said["severity"]) == ("FAILED", MAJOR)
    reason = f"the keytab {kdc.user_keytab} has no key of user2@FNAL.GOV; it has {USER}; nothing was sent"
    assert said["message"] == f"DPM_PRIV [17 -17]: {reason}"
    assert said["value"] == applied(stage, "I:H801")


def test_a_route_goes_on_with_a_backend_that_has_a_ticket(stage: Stage) -> None:
    said = stage.puts[ROUTED]

    assert (said["state"], said["value"], said["severity"]) == ("ACCEPTED", 3.5, NONE)
    assert applied(stage, ROUTED) == 3.5


def test_the_gateway_says_how_long_its_tickets_are_good(stage: Stage) -> None:
    def left(backend: str) -> tuple[object, ...]:
        return client.get_time(client.create(f"GW1:BACKEND:{backend}:TICKET:EXPIRES_IN"))

    with CaClient(stage.site.ca_port) as client:
        good, none = left("testing"), left("lacking")
        assert isinstance(good[0], float)
        assert 1800 < good[0] <= 3600
        assert good[1:3] == (NONE, NONE)
        assert none[:3] == (0.0, 5, MAJOR)  # LOLO
        assert "ticket" not in str(client.get(client.create("GW1:BACKEND:anonymous:ERR")))


def test_the_gateway_says_as_whom_each_backend_writes(stage: Stage) -> None:
    with CaClient(stage.site.ca_port) as client:
        modes = {name: client.get(client.create(f"GW1:BACKEND:{name}:MODE"), STRING) for name in DEVICES}
    assert modes == {
        "testing": "USER", "weather": "USER", "none": "USER", "anonymous": "ANONYMOUS", "lacking": "NO TICKET",
    }  # fmt: skip


def test_reading_goes_on_whatever_becomes_of_the_tickets(stage: Stage) -> None:
    with CaClient(stage.site.ca_port) as client:
        assert all(
            until(lambda name=name: client.get_time(client.create(name))[2] == NONE, 5.0) for name in DEVICES.values()
        )


def test_the_simulator_logs_why_it_refused(stage: Stage) -> None:
    assert "DPM/HTTP refuses a setting: the role weather may not set Z:CLIP" in stage.simulator.err
    assert "DPM/HTTP refuses a setting: user1 may not set Z:OFFSET without a role" in stage.simulator.err
