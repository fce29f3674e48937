"""Why a backend serves a PV, why the others do not, and which layer refuses a put."""

import numpy as np
import pytest

from gateway.access.acf import parse_acf
from gateway.access.policy import Deny, Policy
from gateway.config.config import Config
from gateway.core.device_info import DeviceInfo, PropertyInfo
from gateway.core.errors import BadInput
from gateway.plan.build import build_plan
from gateway.plan.explain import Choice, Explanation, explain
from gateway.plan.live import Judgement, Live
from gateway.plan.model import Plan
from tests.config.loading import loaded

TEXT = """
gateway: {{writes: {writes}{gateway}}}
backends:
  dpm: {{url: "dpm+http://h"{auth}}}
  acl: {{url: "acl+https://h/acl.pl"}}
  sim: {{url: "sim:"}}
devices:
  - {{device: "M:OUTTMP", backend: [dpm, acl, sim]}}
  - {{device: "Z:ACLTST", backend: {{read: acl, write: [sim, dpm]}}, writable: true, low: -5, units: A}}
  - {{device: "G:AMANDA", backend: acl}}
  - {{device: "D:GAINS[0:7]", backend: dpm, writable: true}}
  - {{device: "Z:ACLTST.SETTING.RAW", name: Z:RAW, backend: sim, writable: true, length: 4}}
  - {{device: "G:MODE", backend: dpm, writable: true, text: true}}
  - {{device: "N:LGXS", backend: sim, writable: true}}
"""
INFOS = {"N:LGXS": DeviceInfo("N:LGXS", reading=PropertyInfo(), setting=None, status=True)}


def asked(
    pv: str, user: str = "", host: str = "", writes: str = "on", gateway: str = "", auth: str = ""
) -> Explanation:
    config: Config = loaded(TEXT.format(writes=writes, gateway=gateway, auth=auth))
    return explain(config, build_plan(config, INFOS)[0], pv, user, host)


def configured(device: str, gateway: str = "") -> tuple[Config, Plan]:
    """One writable device with these keys."""
    text = f"gateway: {{writes: on{gateway}}}\nbackends: {{sim: {{url: 'sim:'}}}}\n"
    config = loaded(text + f"devices:\n  - {{device: 'Z:ACLTST', writable: true, {device}}}\n")
    return config, build_plan(config, {})[0]


def choice(found: Explanation, operation: str) -> Choice:
    return next(one for one in found.choices if one.operation == operation)


def layer(found: Explanation, name: str) -> Judgement:
    return next(one for one in found.put if one.layer == name)


def test_the_first_of_the_route_is_chosen_and_each_other_has_its_reason() -> None:
    found = asked("M:OUTTMP")

    assert (found.request, found.device.place, found.spec.name) == (
        "M:OUTTMP.READING@P,1000,TRUE",
        "gw.yaml:8",
        "M:OUTTMP",
    )
    assert choice(found, "read") == Choice(
        "read",
        "dpm",
        "the first of its route (dpm, acl, sim)",
        (("acl", "takes over when dpm is lost"), ("sim", "takes over when dpm and acl are lost")),
    )
    assert choice(found, "write") == Choice(
        "write",
        "",
        "the device is not writable",
        (
            ("dpm", "the device is not writable"),
            ("acl", "acl+https cannot write"),
            ("sim", "the device is not writable"),
        ),
    )


def test_reading_here_and_writing_there_is_said_for_each_operation() -> None:
    found = asked("Z:ACLTST:SP")

    assert choice(found, "stream").why == "the only one of its route; polled, the service has no streams"
    assert dict(choice(found, "stream").passed_over)["sim"] == "is not in the route of the device"
    assert choice(found, "write") == Choice(
        "write",
        "sim",
        "the first of its route (sim, dpm)",
        (("dpm", "is asked when sim cannot be reached and nothing was sent"), ("acl", "acl+https cannot write")),
    )


def test_a_put_that_would_be_sent_says_what_every_layer_thinks() -> None:
    found = asked("Z:ACLTST", user="jane")

    assert found.refusal is None
    assert [(one.layer, one.passes) for one in found.put] == [
        ("writes", True), ("device", True), ("network", True), ("access security", True), ("lock", None),
        ("route", True),
        ("type and length", None), ("limits", None), ("rate", None),
    ]  # fmt: skip
    assert layer(found, "device").reason == "writable, gw.yaml:9; sends Z:ACLTST.SETTING@N"
    assert layer(found, "access security").reason == "there is no access file: jane may"
    assert layer(found, "limits").reason == "takes values from -5 A"


@pytest.mark.parametrize(
    ("pv", "more", "name", "reason"),
    [
        ("Z:ACLTST", {"writes": "off"}, "writes", "the gateway takes no puts: gateway.writes is off"),
        ("M:OUTTMP.VAL", {}, "device", "not writable; say 'writable: true' in gw.yaml:8 where it shall be"),
        ("N:LGXS", {}, "device", "N:LGXS has no SETTING that a put could mean"),
        ("Z:ACLTST:SP_RBV", {}, "device", "Z:ACLTST:SP_RBV only shows; what can be set is Z:ACLTST:SP or Z:ACLTST:CMD"),
        ("N:LGXS:GW:AGE", {}, "device", "N:LGXS:GW:AGE only shows; what can be set is nothing of this device"),
        (
            "Z:ACLTST",
            {"gateway": ", allow: [127.0.0.0/8, 192.0.2.7]", "host": "192.0.2.9"},
            "network",
            "192.0.2.9 is in none of gateway.allow (127.0.0.0/8, 192.0.2.7)",
        ),
    ],
)
def test_the_first_layer_that_refuses_is_named_with_its_reason(
    pv: str, more: dict[str, str], name: str, reason: str
) -> None:
    refusal = asked(pv, **more).refusal

    assert refusal is not None
    assert (refusal.layer, refusal.reason) == (name, reason)


def test_a_route_that_cannot_write_refuses_and_says_so() -> None:
    found = asked("G:AMANDA:SP")

    assert layer(found, "route").reason == "acl (acl+https) cannot write; route writes to a backend that can"
    assert choice(found, "write").chosen == ""


@pytest.mark.parametrize(
    ("host", "passes", "reason"),
    [
        ("127.0.0.1", True, "127.0.0.1 is in gateway.allow (127.0.0.0/8)"),
        ("console1", None, "'console1' is no address; gateway.allow lets 127.0.0.0/8 connect"),
        ("", None, "no address was said; gateway.allow lets 127.0.0.0/8 connect"),
    ],
)
def test_networks_are_judged_by_address(host: str, passes: bool | None, reason: str) -> None:
    found = asked("Z:ACLTST", host=host, gateway=", allow: [127.0.0.0/8]")

    assert layer(found, "network") == Judgement("network", passes, reason)


@pytest.mark.parametrize(
    ("pv", "text"),
    [
        ("D:GAINS:SP", "takes exactly 8 finite numbers"),
        ("Z:RAW:SP", "takes exactly 4 bytes"),
        ("G:MODE:SP", "takes text of at most 256 characters"),
        ("Z:ACLTST:CMD", "takes one of RESET, ON, OFF, POSITIVE, NEGATIVE, RAMP, DC"),
    ],
)
def test_what_values_it_takes_is_said(pv: str, text: str) -> None:
    assert layer(asked(pv), "type and length").reason == text


def test_credentials_are_for_the_service_to_judge() -> None:
    assert (
        "dpm has no 'auth'; a service that asks for it (Kerberos for writes only) will"
        in layer(asked("D:GAINS:SP"), "credentials").reason
    )
    assert layer(asked("D:GAINS:SP", auth=", auth: {kerberos: {}}"), "credentials").passes is None


def test_credentials_that_cannot_work_refuse_the_put() -> None:
    config = loaded(TEXT.format(writes="on", gateway="", auth=", auth: {kerberos: {}}"))
    plan, _ = build_plan(config, INFOS)
    found = explain(config, plan, "D:GAINS:SP", troubles={"dpm": "the ticket has expired", "sim": ""})
    assert layer(found, "credentials") == Judgement("credentials", False, "dpm: the ticket has expired")


def test_an_access_file_says_who_may() -> None:
    file = parse_acf(
        """UAG(ops) {jane}
        ASG(DEFAULT) { INPA(GW:BEAM) RULE(1,READ) RULE(1,WRITE){UAG(ops)} RULE(1,WRITE){CALC("A=0")} }
        ASG(SHUT) { RULE(1,READ) }""",
        "a.acf",
    )

    def access(user: str, group: str = "DEFAULT") -> Judgement:
        config, plan = configured(f"group: {group}")
        return layer(explain(config, plan, "Z:ACLTST:SP", user, "192.0.2.7", file), "access security")

    assert access("jane") == Judgement("access security", True, "a.acf:2 ASG(DEFAULT) gives jane WRITE")
    unknown = access("eve")  # what only an input decides is not known here
    assert unknown.passes is None
    assert "line 2 needs a valid value of GW:BEAM, the input A of CALC 'A=0'" in unknown.reason
    shut = access("jane", "SHUT")
    assert (shut.passes, shut.reason) == (
        False, "a.acf: ASG(SHUT) gives jane@192.0.2.7 no WRITE: no rule gives it to anybody",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("beam", "passes", "said"),
    [
        (0.0, True, "a.acf:2 ASG(DEFAULT) gives eve WRITE"),
        (1.0, False, "line 2 needs CALC 'A=0' to hold"),
        (None, False, "line 2 needs a valid value of GW:BEAM, the input A of CALC 'A=0'"),
    ],
)
def test_inputs_of_the_access_file_are_those_of_the_running_gateway(
    beam: float | None, passes: bool, said: str
) -> None:
    text = 'ASG(DEFAULT) { INPA("GW:BEAM")\n RULE(1, WRITE) { CALC("A=0") } }'
    config, plan = configured("")
    answers = Live(inputs={"GW:BEAM": beam})
    found = explain(
        config, plan, "Z:ACLTST:SP", "eve", "192.0.2.7", parse_acf(text, "a.acf"), answers=answers
    )  # fmt: skip
    judged = layer(found, "access security")
    assert (passes, True) == (judged.passes, said in judged.reason)


def test_what_only_a_running_gateway_knows_is_told_as_such() -> None:
    config, plan = configured("step: 2, slew: 5", ", lease: on, allow_write: 192.0.2.0/24")
    found = explain(config, plan, "Z:ACLTST:SP", host="10.0.0.1")
    assert layer(found, "network") == Judgement(
        "network", False, "10.0.0.1 is in none of gateway.allow_write (192.0.2.0/24)"
    )
    assert layer(found, "lock").reason == "refused while another client holds Z:ACLTST:LOCK"
    assert layer(found, "lease").reason == "needs a lease: put minutes to GW1:LEASE first"
    assert layer(found, "step and slew").reason == (
        "the largest change of a put 2 and of a second 5, from what the front end holds"
    )


def test_what_is_computed_here_has_no_request() -> None:
    assert asked("M:OUTTMP:GW:AGE").request == ""
    assert asked("Z:ACLTST:CMD").request == "Z:ACLTST.CONTROL@N"


@pytest.mark.parametrize(
    ("pv", "said"),
    [
        ("M:OUTTMPP", "M:OUTTMPP: no PV of this configuration; did you mean 'M:OUTTMP'?"),
        ("nothing", "nothing: no PV of this configuration; `acgate check` prints every PV"),
        ("GW1:VERSION", "GW1:VERSION: is of the gateway itself; no device and no backend stands behind it"),
    ],
)
def test_an_unknown_pv_is_refused_with_the_nearest_one(pv: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        asked(pv)

    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("value", "layer_name", "passes", "reason"),
    [
        (None, "type and length", None, "takes one finite number"),
        (5.0, "type and length", True, "takes one finite number"),
        (5.0, "limits", True, "takes values from 0 to 10"),
        (50.0, "limits", False, "Z:ACLTST:SP takes values from 0 to 10"),
        ("five", "type and length", False, "'five' is no number"),
        ("five", "limits", None, "takes values from 0 to 10"),
        (np.zeros(2), "type and length", False, "Z:ACLTST:SP takes exactly 1 values, not 2"),
    ],
)
def test_a_value_that_is_said_is_judged(value: object, layer_name: str, passes: bool | None, reason: str) -> None:
    config, plan = configured("low: 0, high: 10")
    found = explain(config, plan, "Z:ACLTST:SP", value=value)
    assert layer(found, layer_name) == Judgement(layer_name, passes, reason)


@pytest.mark.parametrize(("value", "passes"), [("ON", True), ("FLY", False)])
def test_a_command_must_be_one_of_the_device(value: str, passes: bool) -> None:
    config, plan = configured("properties: control, commands: 'ON, OFF'")
    found = layer(explain(config, plan, "Z:ACLTST:CMD", value=value), "type and length")
    reason = "takes one of ON, OFF" if passes else "Z:ACLTST:CMD has no state 'FLY'"
    assert (found.passes, found.reason) == (passes, reason)


@pytest.mark.parametrize(
    ("user", "passes", "reason"),
    [("jane", True, "asks for a reading and sets nothing: whoever may read may ask"), ("", False, "may not read it")],
)
def test_a_put_that_asks_for_a_reading_is_judged_as_reading_is(user: str, passes: bool, reason: str) -> None:
    config, plan = configured("step: 2")
    file = parse_acf("UAG(ops) {jane} ASG(DEFAULT) { RULE(1,READ){UAG(ops)} }", "a.acf")
    (said,) = explain(config, plan, "Z:ACLTST:GW:READNOW", user, "192.0.2.7", file).put

    assert (passes, reason) == (said.passes, said.reason.removeprefix("this client "))
    assert explain(config, plan, "Z:ACLTST:GW:READNOW").refusal is None


BLOCKS = {"Z:ACLTST": DeviceInfo("Z:ACLTST", reading=PropertyInfo(units="A"), analog=True, digital=True)}


def block_asked(pv: str, value: object = None, rules: str = "RULE(1, WRITE)") -> Explanation:
    config, _ = configured("step: 1, alarms_writable: true")
    file = parse_acf(f"ASG(DEFAULT) {{ {rules} }}", "a.acf")
    return explain(config, build_plan(config, BLOCKS)[0], pv, "jane", file=file, value=value)


@pytest.mark.parametrize(
    ("pv", "value", "name", "reason"),
    [
        ("Z:ACLTST:ALM:TRIES_NEEDED", 300.0, "limits", "Z:ACLTST:ALM:TRIES_NEEDED takes values from 0 to 255"),
        ("Z:ACLTST:DALM:MASK", "x", "type and length", "'x' is no number"),
        ("Z:ACLTST:ALM:TOL", -1.0, "limits", "Z:ACLTST:ALM:TOL takes values from 0 A"),
        ("Z:ACLTST.HIHI", float("nan"), "type and length", "Z:ACLTST:ALM:MAX takes finite numbers only"),
        ("Z:ACLTST:ALM:STATUS", None, "device",
         "Z:ACLTST:ALM:STATUS only shows; what can be set is Z:ACLTST:ALM:ENABLE or Z:ACLTST:DALM:ENABLE"),
    ],
)  # fmt: skip
def test_a_put_on_an_alarm_block_is_explained_like_any_other(pv: str, value: object, name: str, reason: str) -> None:
    refusal = block_asked(pv, value).refusal
    assert refusal is not None
    assert (refusal.layer, refusal.reason) == (name, reason)


def test_alarm_blocks_of_a_writable_device_are_not_writable_before_it_says_so() -> None:
    config, _ = configured("step: 1")
    refusal = explain(config, build_plan(config, BLOCKS)[0], "Z:ACLTST:ALM:MAX", "jane", value=4.0).refusal
    assert refusal is not None
    assert refusal.layer == "device"
    assert refusal.reason.startswith("its alarms are not writable; say 'alarms_writable: true' in ")


def test_an_alarm_block_is_of_a_higher_security_level_than_a_setting_and_has_no_largest_step() -> None:
    found = block_asked("Z:ACLTST:ALM:MAX", 4.0)
    assert found.refusal is None
    assert layer(found, "device").reason.endswith("sends Z:ACLTST.ANALOG.MAX@N")
    assert layer(found, "type and length").reason == "takes one finite number"
    assert "step and slew" not in [one.layer for one in found.put]
    denied = block_asked("Z:ACLTST:ALM:MAX", 4.0, "RULE(0, WRITE)").refusal
    assert denied is not None
    assert denied.layer == "access security"


def test_policies_are_asked_after_all_layers_but_the_queue_where_they_concern_the_device() -> None:
    config, plan = configured("high: 10")
    policies = [Policy("shut", lambda *_: Deny("never")), Policy("other", lambda *_: Deny("no"), ("M:*",))]

    def layers(pv: str, *asked: Policy) -> list[str]:
        return [one.layer for one in explain(config, plan, pv, value=3.0, policies=asked).put]

    assert explain(config, plan, "Z:ACLTST:SP", value=3.0, policies=policies).refusal == Judgement(
        "policy", False, "shut denies: never"
    )
    assert layers("Z:ACLTST:SP", *policies)[-1] == "policy"
    assert "policy" not in layers("Z:ACLTST:SP", policies[1]) + layers("Z:ACLTST:SP_RBV", *policies)


@pytest.mark.parametrize(
    ("pv", "said"),
    [
        ("GRP:bump:VALUES", "puts to several devices, each judged as a put of its own; ask for Z:ACLTST"),
        ("GRP:none:VALUES", "no PV of this configuration; `acgate check` prints every PV"),
    ],
)
def test_a_group_put_is_referred_to_its_members(pv: str, said: str) -> None:
    devices = "devices: [{device: 'Z:ACLTST', writable: true}]\ngroups: {bump: {members: Z:ACLTST}}\n"
    config = loaded(f"backends: {{sim: {{url: 'sim:'}}}}\n{devices}")
    with pytest.raises(BadInput) as caught:
        explain(config, build_plan(config, {})[0], pv)
    assert f"{pv}: {said}" == str(caught.value)
