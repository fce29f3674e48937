"""The options of a backend URL: keys that an adapter knows, and their numbers (contract.md 3)."""

import math

from gateway.config.backend_url import BackendUrl
from gateway.config.problems import suggestion
from gateway.core.errors import BadUrl


def check_keys(url: BackendUrl, *known: str) -> None:
    """BadUrl when the URL has a key that the adapter does not know."""
    for key in url.query:
        if key not in known:
            raise BadUrl(f"{str(url)!r}: unknown key {key!r}; {suggestion(key, known)}")


def number_of(url: BackendUrl, key: str, default: float, low: float, high: float) -> float:
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
