"""A checked configuration -> a Gateway that is ready to run: backends opened, devices described, rules read."""

import gc
import logging
import socket
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from gateway.app.adapters import open_backends
from gateway.app.compose import Gateway
from gateway.app.config_file import read_text
from gateway.app.credentials_check import lacks
from gateway.app.describe import describe, properties_of, teach
from gateway.app.ending import StopSignal, unless_stopped
from gateway.app.metadata import Metadata, Refresh, home_of, open_metadata
from gateway.app.on_demand import source_of
from gateway.app.options import Options
from gateway.app.plan_sizes import writable_watches
from gateway.app.policies import notes_of_policies, policies_of
from gateway.app.reload import Reload
from gateway.app.rules import guard_of
from gateway.backends.route_stream import Failover
from gateway.config.config import Config
from gateway.config.gateway_section import LimitsSection
from gateway.core.ports import Backend, Clock
from gateway.plan.build import build_plan
from iocs.environment import CaSettings, ca_settings, client_settings

log = logging.getLogger("acgate")


def limited(settings: CaSettings, limits: LimitsSection) -> CaSettings:
    """The settings with what clients may ask for at most."""
    return replace(
        settings,
        circuits=limits.circuits,
        circuits_per_address=limits.circuits_per_address,
        circuits_per_second=limits.circuits_per_second,
        searches_per_second=limits.searches_per_second,
        channels=limits.channels,
        monitors=limits.monitors,
        channels_per_address=limits.channels_per_address,
        monitors_per_address=limits.monitors_per_address,
        largest=limits.message or settings.largest,
    )


def gateway_of(
    config: Config, clock: Clock, environment: Mapping[str, str], stop: StopSignal,
    opened: Mapping[str, Backend] | None = None,
) -> Gateway:  # fmt: skip
    """Open, unless `opened` is given, describe, plan; what is not in this version is logged. A signal stops it."""
    for note in config.notes:
        log.warning("%s", note)
    for lack in lacks(config, clock):
        log.warning("%s", lack.sentence)
    policies = policies_of(config)
    backends = open_backends(config, clock) if opened is None else dict(opened)
    metadata: Metadata | None = None
    try:
        if config.metadata is not None:
            metadata = open_metadata(config.metadata, home_of(config), clock, environment, read_text)
        ask = metadata.describe if metadata is not None else None
        infos = unless_stopped(stop, partial(describe, config, backends, ask))
        teach(backends, infos)
        plan, warnings = build_plan(config, infos)
        for warning in warnings:
            log.warning("%s", warning)
        largest = max((8 * watch.length for watch in writable_watches(plan)), default=0)
        section = config.gateway
        limits, folder = section.limits, Path(config.file).parent
        settings = limited(ca_settings(environment, section.interfaces, section.allow or (), largest), limits)
        guard, journal = guard_of(section, folder, plan, clock)
        guard.rules.policies = policies
        for note in notes_of_policies(config, plan):
            log.warning("%s", note)
        # the plan lives as long as the process: the collector need not walk it again and again
        sys.setswitchinterval(0.001)
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        when = Failover(section.failover.hold, section.failover.grace, section.failover.standby == "warm")
        access = folder / section.access_file if section.access_file is not None else None
        if journal is not None:
            journal.start()
        client = client_settings(environment, socket.gethostname())
        options = Options(section.fast, when, access, limits.puts_waiting, limits.puts_waiting_per_client, client)
        refresh = partial(Refresh, metadata, config, plan, infos, properties_of(config), clock) if metadata else None
        names = source_of(config, backends, metadata, clock, when)
        gateway = Gateway(plan, backends, clock, settings, guard, options, metadata, refresh, names)
        gateway.reloading = Reload(gateway, config, infos)
        return gateway
    except BaseException:
        if metadata is not None:
            metadata.close()
        for backend in backends.values():
            backend.close()
        raise
