"""Policies of a site, from its file to the client: refused, changed, broken, predicted by explain, named by check."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from iocs.fast import messages as ca
from tests.support.ca_client import CaClient
from tests.support.processes import Json, Running, Site, until

POLICIES = '''"""What the tests allow."""

from gateway.access.policy import Allow, Context, Deny, Modify, PutAsked


def people(put: PutAsked, context: Context) -> Allow | Deny:
    if context.user in context.options["never"]:
        return Deny(f"{context.user} may look only")
    return Allow(f"at {put.held:g}")


def whole(put: PutAsked, context: Context) -> Allow | Modify:
    if put.value == round(put.value):
        return Allow()
    return Modify(round(put.value), "whole numbers only")


def breaks(put: PutAsked, context: Context) -> Allow:
    return Allow(str(1 / (put.value - 13)))
'''
CONFIG = """gateway: {{name: GW1, interfaces: [127.0.0.1], writes: on, audit: {{file: puts.jsonl}}}}
backends: {{sim: {{url: "sim:"}}}}
policies:
  - {{call: "policies.py:people", options: {{never: [eve]}}}}
  - {{call: "policies.py:whole", devices: "Z:*"}}
  - {{call: "policies.py:{last}", name: last}}
devices:
  - {{device: "Z:ACLTST", writable: true, high: 20, properties: "reading, setting"}}
"""


@dataclass
class Stage:
    """A gateway with three policies."""

    site: Site
    gateway: Running
    config: Path

    def row(self, number: int) -> Json:
        """The row of the n-th put."""
        path = self.site.folder / "puts.jsonl"
        assert until(lambda: path.exists() and len(path.read_text().splitlines()) > number, 10)
        found: Json = json.loads(path.read_text().splitlines()[number])
        return found

    def explained(self, user: str, value: str) -> Json:
        """What explain says of a put."""
        command = self.site.acgate(
            "explain", "Z:ACLTST:SP", "--config", str(self.config), "--user", user, "--value", value, "--json"
        )
        put: Json = command.result()["put"]
        return put


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Site(tmp_path_factory.mktemp("policies")) as site:
        (site.folder / "policies.py").write_text(POLICIES)
        config = site.folder / "gateway.yaml"
        config.write_text(CONFIG.format(last="breaks"))
        gateway = site.acgate("run", str(config), ready=True)
        yield Stage(site, gateway, config)
        assert 1 == gateway.err.count("\nZeroDivisionError: "), gateway.report()
        gateway.process.terminate()  # what a policy breaks with stands in the log, so `end` would complain
        assert 0 == gateway.wait(10)


def test_explain_and_the_gateway_say_the_same_of_each_put(stage: Stage) -> None:
    with CaClient(stage.site.ca_port, user="alice") as alice, CaClient(stage.site.ca_port, user="eve") as eve:
        puts = [(eve, "5", "policy"), (alice, "13", "policy error"), (alice, "4.6", ""), (alice, "20.4", "limits")]
        for number, (client, value, layer) in enumerate(puts):
            user = "eve" if client is eve else "alice"
            predicted = stage.explained(user, value)
            setpoint = client.create("Z:ACLTST:SP")
            before = client.get(setpoint)
            status = client.put(setpoint, float(value))
            row = stage.row(number)
            assert (predicted["refused_by"] or "") == row["layer"] == layer
            if layer:
                assert ca.PUT_FAILED == status
                assert row["message"].startswith(predicted["reason"])
                assert before == client.get(setpoint)
            else:
                assert ca.NORMAL == status
                assert (5.0, "5.0") == (client.get(setpoint), row["new"])
                said = next(one["reason"] for one in predicted["layers"] if one["layer"] == "policy")
                assert said == row["message"]
                assert "whole made 5.0 of 4.6: whole numbers only" in said


def test_check_and_run_name_a_policy_that_cannot_be_used(stage: Stage) -> None:
    bad = stage.site.folder / "bad.yaml"
    bad.write_text(CONFIG.format(last="breakes"))
    commands = [stage.site.acgate(word, str(bad)) for word in ("check", "run")]
    for command in commands:
        assert 2 == command.wait(30), command.report()
        said = f"{bad}:6: policies[2].call: policies.py has no function 'breakes'; did you mean 'breaks'?"
        assert said in command.err
        assert 1 == len(command.err.splitlines())
    good = stage.site.acgate("check", str(stage.config))
    assert 0 == good.wait(30), good.report()
