"""Plans made of texts, for the tests."""

from collections.abc import Mapping

from gateway.core.device_info import DeviceInfo
from gateway.plan.build import build_plan
from gateway.plan.family import all_pvs
from gateway.plan.model import DevicePlan, Plan, PvSpec
from tests.config.loading import loaded

HEAD = 'gateway: {writes: on, buffer: 10}\nbackends: {a: {url: "sim:"}}\ndevices:\n'


def planned(*entries: str, infos: Mapping[str, DeviceInfo] | None = None) -> Plan:
    """The plan of a device per flow mapping, of one backend `a`."""
    return warned(*entries, infos=infos)[0]


def warned(*entries: str, infos: Mapping[str, DeviceInfo] | None = None) -> tuple[Plan, list[str]]:
    """The plan and its warnings."""
    return build_plan(loaded(HEAD + "".join(f"  - {entry}\n" for entry in entries)), infos or {})


def only(plan: Plan) -> DevicePlan:
    """The one device of a plan."""
    (device,) = plan.devices.values()
    return device


def by_name(plan: Plan) -> dict[str, PvSpec]:
    """Every PV."""
    return {spec.name: spec for spec in all_pvs(plan)}
