"""The group puts of a configuration beside a plan: names of PVs become devices whose setting is one number."""

from gateway.config.config import GroupConfig
from gateway.core.errors import BadConfig
from gateway.plan.family import find
from gateway.plan.model import GroupPlan, Kind, Plan, PvSpec, Role


def group_of(config: GroupConfig, plan: Plan) -> GroupPlan:
    """One group put; BadConfig says what of it cannot be."""
    section = config.section
    members: list[str] = []
    for name in section.members:
        device = _settable(config, name, plan).device
        if device in members:
            raise _wrong(config, f"{name} is the setting of {device}, which stands there already; leave one out")
        members.append(device)
    return GroupPlan(config.name, tuple(members), section.precheck, section.group)


def _settable(config: GroupConfig, name: str, plan: Plan) -> PvSpec:
    spec = find(plan, name)
    if spec is None:
        raise _wrong(config, f"{name} is no PV of this configuration; `acgate check` prints every PV")
    device = plan.devices[spec.device]
    if spec.role not in (Role.READING, Role.SETPOINT) or device.setting_row < 0:
        raise _wrong(config, f"{name} is no setting; name the device, or its {spec.device}:{Role.SETPOINT.value}")
    if not device.writable:
        raise _wrong(config, f"{name} is not writable; say 'writable: true' in {device.place} where it shall be")
    if plan.watches[device.setting_row].kind is not Kind.SCALAR:
        raise _wrong(config, f"the setting of {name} is not one number, so no group can hold it")
    return spec


def _wrong(config: GroupConfig, reason: str) -> BadConfig:
    return BadConfig(config.file, config.line, f"groups.{config.name}.members", reason)
