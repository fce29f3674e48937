"""What a WatchList is told: its bounds of waiting, and who wants what from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.backends.subscription import BoundedSubscription
from gateway.core.drf import DataRequest


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds of waiting, in seconds."""

    connect: float = 3.0
    silence: float = 4.5  # without a byte: the longest of a healthy server is just under 4 s (dpm-http.md 6.3)
    backoff_cap: float = 3.0  # so that values are back within 5 s of the server's return


@dataclass(frozen=True, slots=True)
class Join:
    """An order: feed these slots of a subscription; `new` are requests that the list did not have."""

    subscription: BoundedSubscription
    slots: Mapping[int, Sequence[int]]  # by reference
    new: Mapping[int, DataRequest]


@dataclass(frozen=True, slots=True)
class Leave:
    """An order: feed a subscription no longer, and forget the requests that nobody watches now."""

    subscription: BoundedSubscription
    gone: Sequence[int]
