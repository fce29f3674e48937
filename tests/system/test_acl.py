"""Devices through ACL as clients of Channel Access see them: many in few calls, one bad, none that can be put to."""

import signal
from pathlib import Path

from tests.support import ca_client as ca
from tests.support.ca_client import CaClient
from tests.support.processes import Running, Site, command_fault, until

GOOD = [f"S:D{number:05d}" for number in range(299)]
INVALID = 3


def config_of(simulator: Running, devices: str) -> str:
    url = str(simulator.said["acl"]).removeprefix("http://")
    return (
        "gateway: {writes: on, interfaces: [127.0.0.1]}\n"
        f'backends: {{acl: {{url: "acl+http://{url}"}}}}\ndevices:\n{devices}'
    )


def state(client: CaClient, channel: ca.Channel) -> tuple[int, float]:
    number = client.next_id()
    client.send(ca.pack(15, ca.TIME_DOUBLE, 1, channel.sid, number))
    update = ca.update(client.take(15, p2=number))
    return update.severity, float(update.value)  # type: ignore[arg-type]


def test_three_hundred_devices_with_one_bad_are_two_hundred_and_ninety_nine_good_pvs(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        simulator = site.simulate("--synthetic", "299", "--rate", "2")
        devices = "".join(f"  - {{device: '{name}', properties: [reading]}}\n" for name in (*GOOD[:77], "Z:NOTFND"))
        devices += "".join(f"  - {{device: '{name}', properties: [reading]}}\n" for name in GOOD[77:])
        gateway = site.run(config_of(simulator, devices + "  - {device: 'Z:ACLTST'}\n"))
        with CaClient(int(gateway.said["ca_port"])) as client:
            channels = [client.create(name) for name in GOOD]
            bad, word, attribute = (client.create(name) for name in ("Z:NOTFND", "Z:ACLTST:STS", "Z:ACLTST:STS:READY"))
            assert until(lambda: {0} == {state(client, channel)[0] for channel in channels}, 10)
            assert (INVALID, 0.0) == state(client, bad)
            assert (0, 15.0) == state(client, word)
            assert (0, 1.0) == state(client, attribute)
            assert 1 == sum("Z:NOTFND" in line and "DBM_NOREC" in line for line in gateway.err.splitlines())
            simulator.process.send_signal(signal.SIGSTOP)
            try:
                assert until(lambda: {INVALID} == {state(client, channel)[0] for channel in channels}, 15)
            finally:
                simulator.process.send_signal(signal.SIGCONT)
            assert until(lambda: {0} == {state(client, channel)[0] for channel in channels}, 15)


def test_a_fault_of_the_service_is_seen_and_its_end_too(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        simulator = site.simulate()
        gateway = site.run(config_of(simulator, "  - {device: 'M:OUTTMP', properties: [reading]}\n"))
        with CaClient(int(gateway.said["ca_port"])) as client:
            channel = client.create("M:OUTTMP")
            for fault in ("http_500", "html", "half", "garbage"):
                assert until(lambda: state(client, channel)[0] == 0, 15), fault
                command_fault(simulator, service="acl", fault=fault)
                assert until(lambda: state(client, channel)[0] == INVALID, 15), fault
                command_fault(simulator, service="acl", fault="none")
            assert until(lambda: state(client, channel)[0] == 0, 15)


def test_what_acl_cannot_do_is_refused_when_the_configuration_is_checked(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        for entry, said in (
            ("{device: 'Z:ACLTST', writable: true}", "Z:ACLTST is writable, but 'acl' (acl+https) cannot write"),
            ("{device: 'M:OUTTMP', event: 'p,200'}", "'p,200' is faster than the 1 s at which this backend is polled"),
            ("{device: 'M:OUTTMP', event: 'e,02'}", "'e,02' cannot be watched by polling"),
        ):
            path = tmp_path / "gw.yaml"
            path.write_text(f'backends: {{acl: {{url: "acl+https://192.0.2.1/acl.pl"}}}}\ndevices:\n  - {entry}\n')
            checked = site.acgate("check", str(path))
            assert checked.process.wait(30) == 2
            assert said in checked.err


def test_a_put_to_a_device_of_acl_is_denied(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        simulator = site.simulate()
        gateway = site.run(config_of(simulator, "  - {device: 'Z:ACLTST', properties: [reading, setting]}\n"))
        put = site.tool("caproto-put", "Z:ACLTST:SP", "3", ca_port=int(gateway.said["ca_port"]))
        put.process.wait(30)
        assert "ECA_NOWTACCESS" in put.out + put.err
