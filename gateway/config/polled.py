"""What can be watched where watching is made of repeated reads: the backends that are polled (acl.md 1.3)."""

from gateway.config.backend_url import BackendUrl
from gateway.core.drf_events import DrfEvent

FLOOR_S = 1.0  # no faster than that, unless the URL says so
KEY = "period"  # of the URL: s, the shortest period


def floor_of(url: BackendUrl) -> float:
    """The shortest period of a watched request, in s; 0 where the backend is not polled."""
    return float(url.query.get(KEY, FLOOR_S)) if url.capabilities.polled else 0.0


def polling_reason(event: DrfEvent, floor_s: float) -> str | None:
    """Why an event cannot be watched by polling, in one sentence; None when it can."""
    if event.mode in ("E", "S"):
        return f"{event.text!r} cannot be watched by polling, which knows periods only; write for example p,1000"
    if event.period_ms is not None and event.period_ms < floor_s * 1000:
        return (
            f"{event.text!r} is faster than the {floor_s:g} s at which this backend is polled; "
            f"write p,{floor_s * 1000:g}, or {KEY}=SECONDS in its URL"
        )
    return None
