"""Backend URL -> adapter (contract.md 3)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from gateway.backends.dpm_http import DpmHttpBackend
from gateway.backends.dpm_lists import Budget
from gateway.backends.dpm_orders import Timeouts
from gateway.config.backend_url import BackendUrl
from gateway.config.problems import suggestion
from gateway.core.errors import BadUrl
from gateway.core.ports import Backend, Clock

Factory = Callable[[str, BackendUrl, Clock], Backend]  # of the name in the configuration, its URL, the clock

_PLANNED = ("dpm+grpc", "dmq", "acl+https", "acl+http", "acl+ssh", "devdb+grpc")  # known to the product, not built yet


def open_backend(name: str, url: BackendUrl, clock: Clock, further: Mapping[str, Factory] | None = None) -> Backend:
    """The adapter for a URL. Contacts nobody; BadUrl names the scheme, key or value that cannot be used.

    `further` has factories by scheme for adapters that this room cannot know, such as `sim`.
    """
    factories = {"dpm+http": _dpm_http, **(further or {})}
    factory = factories.get(url.scheme)
    if factory is not None:
        return factory(name, url, clock)
    usable = " or ".join(factories)
    if url.scheme in _PLANNED:
        raise BadUrl(f"{str(url)!r}: {url.scheme} is not part of this version; use {usable}")
    raise BadUrl(f"{str(url)!r}: unknown scheme {url.scheme!r}; {suggestion(url.scheme, factories)}")


def _dpm_http(name: str, url: BackendUrl, clock: Clock) -> Backend:
    known = ("role", "connections", "silence", "timeout", "backoff_cap")
    for key in url.query:
        if key not in known:
            raise BadUrl(f"{str(url)!r}: unknown key {key!r}; {suggestion(key, known)}")
    role = url.query.get("role")
    if role is not None and not (role.isascii() and role.isprintable() and ":" not in role and role):
        raise BadUrl(f"{str(url)!r}: the role {role!r} is no word; write for example role=testing")
    connections = _number(url, "connections", Budget().connections, 1, 64)
    if connections != int(connections):
        raise BadUrl(f"{str(url)!r}: connections={connections:g} is not whole; write for example connections=8")
    plain = Timeouts()
    timeouts = Timeouts(
        connect=_number(url, "timeout", plain.connect, 0.1, 60),
        silence=_number(url, "silence", plain.silence, 0.1, 3600),
        backoff_cap=_number(url, "backoff_cap", plain.backoff_cap, 0.01, 3600),
    )
    budget = replace(Budget(), connections=int(connections))
    return DpmHttpBackend(name, url.host, url.port, clock=clock, role=role, budget=budget, timeouts=timeouts)


def _number(url: BackendUrl, key: str, default: float, low: float, high: float) -> float:
    """The number of a key of the query."""
    text = url.query.get(key)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise BadUrl(f"{str(url)!r}: {key}={text} is not a number of {low:g} to {high:g}; by default it is {default:g}")
    return value
