"""Reading here and writing there, over two protocols of one facility, with confirmation the way of reading."""

from tests.support.processes import HOST, Site, until


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
