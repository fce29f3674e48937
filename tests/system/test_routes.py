"""Routes over several protocols: reading here and writing there, and the last resort that is read by polling."""

import time

from tests.support.processes import HOST, Json, Site, until


def test_a_put_goes_one_way_and_its_confirmation_comes_the_other(site: Site) -> None:
    services = site.simulate("--dpm-grpc-port", "0")
    gateway = site.run(
        f"gateway: {{interfaces: [{HOST}], writes: on}}\nbackends:\n"
        f'  daq: {{url: "dpm+grpc://{services.said["dpm_grpc"]}"}}\n'
        f'  dpm: {{url: "dpm+http://{services.said["dpm_http"]}"}}\n'
        'devices:\n  - {device: "Z:ACLTST", event: "p,200", backend: {read: daq, write: dpm}, writable: true, '
        "confirm: {tolerance: 0.1, timeout: 3}}\n"
    )
    client = site.client("live_aioca", "Z:ACLTST:GW:BACKEND", "Z:ACLTST:SP_RBV", "Z:ACLTST:WR:STATE", stdin=True)

    def newest(name: str) -> object:
        told = [line["value"] for line in client.lines() if line.get("pv") == f"Z:ACLTST:{name}"]
        return told[-1] if told else None

    assert until(lambda: newest("GW:BACKEND") == "daq" and newest("SP_RBV") is not None, 15), gateway.report()
    client.tell("put 1 Z:ACLTST:SP 12.5")
    assert until(lambda: any(line.get("put") == "1" for line in client.lines()), 10), client.report()
    assert next(line for line in client.lines() if line.get("put") == "1")["ok"]
    assert until(lambda: newest("SP_RBV") == 12.5 and newest("WR:STATE") == 3.0, 5), client.lines()[-5:]  # VERIFIED
    client.end()
    gateway.end()
    services.end()


def test_acl_is_the_last_resort_for_reading_and_takes_no_settings(site: Site) -> None:
    dpm, acl = site.simulate(), site.simulate()
    gateway = site.run(
        f"gateway: {{interfaces: [{HOST}], writes: on, failover: {{hold: 2}}}}\nbackends:\n"
        f'  dpm: {{url: "dpm+http://{dpm.said["dpm_http"]}"}}\n'
        f'  acl: {{url: "{acl.said["acl"].replace("http", "acl+http", 1)}"}}\n'
        'devices:\n  - {device: "M:OUTTMP", event: "p,1000", backend: [dpm, acl]}\n'
        '  - {device: "Z:ACLTST", event: "p,1000", backend: [dpm, acl], writable: true}\n'
    )
    names = ["M:OUTTMP", "Z:ACLTST:SP_RBV", "M:OUTTMP:GW:BACKEND", "Z:ACLTST:GW:BACKEND"]
    client = site.client("live_aioca", *names, stdin=True)

    def told(name: str) -> list[Json]:
        return [line for line in client.lines() if line.get("pv") == name]

    def served_by(backend: str, since_ns: int) -> bool:
        return all(told(name) and told(name)[-1]["value"] == backend for name in names[2:]) and all(
            told(name)[-1]["severity"] == 0 and told(name)[-1]["stamp_ns"] > since_ns for name in names[:2]
        )

    assert until(lambda: served_by("dpm", 0), 15), gateway.report()
    dpm.kill()
    killed = time.time_ns()
    assert until(lambda: served_by("acl", killed), 15), gateway.report()
    client.tell("put 1 Z:ACLTST:SP 3")
    assert until(lambda: any(line.get("put") == "1" for line in client.lines()), 10), client.report()
    assert not next(line for line in client.lines() if line.get("put") == "1")["ok"]
    dpm = site.simulate(port=int(dpm.said["dpm_http"].rpartition(":")[2]))
    back = time.time_ns()
    assert until(lambda: served_by("dpm", back), 20), gateway.report()
    for name in names[:2]:
        stamps = [one["stamp_ns"] for one in told(name)]
        assert stamps == sorted(set(stamps)), name
        assert {one["severity"] for one in told(name)} == {0}, name
    for running in (client, gateway, dpm, acl):
        running.end()
