"""What works by chance on one version of Python, and not on another."""

import dataclasses
import importlib
import inspect
import math

from gateway.core.nan_equal import NanEqual
from tests.house.tree import calls, name, product_files

NOT_IMPORTED = ("__main__", "migrations", "app.bench", "_pb2")  # scripts, and what has a package of its own


def test_records_with_numbers_that_are_unknown_are_equal_when_they_say_the_same() -> None:
    """From Python 3.13 on dataclasses compare field by field, so that no record with a NaN is equal to any."""
    found = []
    for path in product_files():
        if any(part in name(path).replace("/", ".") for part in NOT_IMPORTED):
            continue
        module = importlib.import_module(name(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        for one in vars(module).values():
            if inspect.isclass(one) and one.__module__ == module.__name__ and dataclasses.is_dataclass(one):
                unknown = any(isinstance(f.default, float) and math.isnan(f.default) for f in dataclasses.fields(one))
                if unknown and not issubclass(one, NanEqual) and one.__eq__ is not object.__eq__:
                    found.append(f"{module.__name__}.{one.__name__}")
    assert not found


def test_what_a_put_awaits_has_no_timeout_of_asyncio() -> None:
    """Puts are run without a task, and from Python 3.12 on asyncio's timeouts are for tasks only."""
    in_tasks = {"iocs/links.py"}
    for path in product_files():
        if name(path).startswith("iocs/") and name(path) not in in_tasks:
            assert not list(calls(path, "wait_for")), name(path)
            assert not list(calls(path, "timeout")), name(path)
