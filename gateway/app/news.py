"""News: the configuration read again, described, planned and compared with what runs. Nothing is changed by that."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.app.adapters import open_any
from gateway.app.config_file import read_digested, read_text
from gateway.app.describe import describe
from gateway.app.metadata import Metadata
from gateway.config.config import Config
from gateway.core.device_info import DeviceInfo
from gateway.core.ports import Backend, Clock
from gateway.plan.build import build_plan
from gateway.plan.diff import Changes, compare
from gateway.plan.model import Plan
from gateway.plan.names import pv_name


class Served(Protocol):
    """What runs now."""

    clock: Clock
    backends: dict[str, Backend]
    metadata: Metadata | None

    def plans(self) -> list[Plan]:
        """What is served now, one plan for each assembly."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """What was read before: at the start, and last."""

    started: Config  # whose sections hold until a restart
    config: Config
    infos: Mapping[str, DeviceInfo]


@dataclass(frozen=True, slots=True)
class News:
    """What another configuration brings; `part` is the plan of what is added or changed."""

    config: Config
    digest: str
    infos: dict[str, DeviceInfo]
    changes: Changes
    part: Plan
    opened: dict[str, Backend]
    warnings: tuple[str, ...]
    restart: tuple[str, ...]  # keys that only a restart changes

    def close(self) -> None:
        """Undo what was begun."""
        close_all(self.opened)


def read_again(served: Served, known: Known, opened: dict[str, Backend], foretell: bool) -> News:
    """Read, describe and plan; blocks. BadInput says what is wrong, and nothing is left behind.

    What it opens is put into `opened`, so that whoever cannot wait may close it. With `foretell` nobody counts
    what the device database says: it is not what is served from now on.
    """
    config, digest = read_digested(known.config.file)
    # sockets, tables and rules are those of the start, and so are the rights and events that plans take from there
    planned = replace(config, gateway=known.started.gateway)
    used = {name for device in config.devices for name in device.route.names}
    moved = {name for name in used if config.backends[name] != known.config.backends.get(name)}
    ask = None
    if served.metadata is not None:
        ask = served.metadata.foretell if foretell else served.metadata.describe
    try:
        for name in sorted(moved | (used - served.backends.keys())):
            backend = config.backends[name]
            opened[name] = open_any(name, backend.url, served.clock, read_text, backend.auth)
        infos = {**known.infos, **describe(config, served.backends | opened, ask)}
        plan, warnings = build_plan(planned, infos)
        changes = compare(served.plans(), plan, moved)
        come = tuple(one for one in config.devices if pv_name(one.request, one.entry.name) in changes.come)
        part, _ = build_plan(replace(planned, devices=come, freezes=(), groups=()), infos)
        if late := sorted(plan.frozen & changes.come):
            warnings.append(f"only a restart lets freezes keep histories of {', '.join(late)}")
        restart = tuple(_only_at_a_restart(known.started, config))
        return News(config, digest, infos, changes, part, opened, tuple(warnings), restart)
    except BaseException:
        close_all(opened)
        raise


def close_all(opened: Mapping[str, Backend]) -> None:
    """Close backends that nobody uses."""
    for backend in opened.values():
        backend.close()


def _only_at_a_restart(before: Config, now: Config) -> list[str]:
    """The keys whose changes a reload does not follow."""
    keys = type(now.gateway).model_fields
    found = [f"gateway.{key}" for key in keys if getattr(before.gateway, key) != getattr(now.gateway, key)]
    pairs = {
        "metadata": (before.metadata, now.metadata),
        "on_demand": (before.on_demand, now.on_demand),
        "freeze": (before.freezes, now.freezes),
        "groups": (before.groups, now.groups),
        "policies": (before.policies, now.policies),
    }
    return found + [key for key, (first, then) in pairs.items() if first != then]
