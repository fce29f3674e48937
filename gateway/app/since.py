"""A time as people write it on the command line."""

from datetime import UTC, datetime, timedelta

from gateway.core.errors import BadInput


def since(text: str) -> int:
    """Nanoseconds since 1970."""
    if text.endswith("m") and text[:-1].isdecimal():
        when = datetime.now(UTC) - timedelta(minutes=int(text[:-1]))
    else:
        try:
            when = datetime.fromisoformat(text).astimezone()
        except ValueError:
            remedy = "write for example 2026-11-25T08:00 or 30m"
            raise BadInput(f"--since: {text!r} is no time; {remedy}") from None
    return int(when.timestamp() * 1e9)
