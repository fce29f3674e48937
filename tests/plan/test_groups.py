"""Group puts of the configuration beside the plan: which settings, and what cannot be a member."""

import pytest

from gateway.config.problems import ConfigErrors
from gateway.plan.build import build_plan
from gateway.plan.model import GroupPlan, Plan
from tests.config.loading import loaded

DEVICES = """gateway: {writes: on}
backends: {a: {url: "sim:"}}
devices:
  - {device: "Z:ACLTST", writable: true}
  - {device: "Z:ACLTS1", writable: true}
  - {device: "M:OUTTMP"}
  - {device: "D:GAINS[0:7]", writable: true, name: "D:GAINS"}
  - {device: "S:READER", writable: true, properties: [reading]}
groups:
"""


def planned(text: str) -> Plan:
    return build_plan(loaded(f"{DEVICES}  bump: {{{text}}}\n"), {})[0]


def test_devices_and_their_setpoints_are_members_in_their_order() -> None:
    groups = planned("members: 'Z:ACLTS1:SP, Z:ACLTST', precheck: off, group: OPS").groups
    assert (GroupPlan("bump", ("Z:ACLTS1", "Z:ACLTST"), False, "OPS"),) == groups
    assert () == build_plan(loaded(DEVICES.removesuffix("groups:\n")), {})[0].groups


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("Z:NONE", "Z:NONE is no PV of this configuration"),
        ("M:OUTTMP", "M:OUTTMP is not writable; say 'writable: true' in gw.yaml:6 where it shall be"),
        ("Z:ACLTST:SP_RBV", "Z:ACLTST:SP_RBV is no setting; name the device, or its Z:ACLTST:SP"),
        ("S:READER", "S:READER is no setting"),
        ("D:GAINS:SP", "the setting of D:GAINS:SP is not one number"),
        ("Z:ACLTST:SP", "Z:ACLTST:SP is the setting of Z:ACLTST, which stands there already; leave one out"),
    ],
)
def test_what_cannot_be_a_member_is_said_with_its_place(member: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as error:
        planned(f"members: 'Z:ACLTST, {member}'")
    assert f"gw.yaml:10: groups.bump.members: {said}" in str(error.value)
