"""The document in which the gateway tells what a reload would do."""

import json

from gateway.plan.diff import Changes
from gateway.plan.forecast import Forecast

CHANGES = Changes(frozenset("ba"), frozenset("c"), frozenset("ed"), why={"d": ("x",), "e": ("x",)})


def test_it_has_counts_names_and_reasons() -> None:
    found = json.loads(Forecast("f.yaml", "12", CHANGES, 3, ("gateway.http",), ("beware",)).text(10_000))
    assert found == {
        "file": "f.yaml",
        "digest": "12",
        "counts": {"added": 2, "removed": 1, "changed": 2, "described": 0},
        "added": ["a", "b"],
        "removed": ["c"],
        "changed": [{"devices": ["d", "e"], "why": ["x"]}],
        "described": [],
        "left_out": 0,
        "clients": 3,
        "restart": ["gateway.http"],
        "warnings": ["beware"],
    }


def test_what_does_not_fit_loses_names_and_keeps_counts() -> None:
    many = Changes(frozenset(f"M:D{n}" for n in range(1000)), frozenset("c"))
    text = Forecast("f.yaml", changes=many).text(2000)
    found = json.loads(text)
    assert len(text) <= 2000
    assert (1000, 1000 - len(found["added"])) == (found["counts"]["added"], found["left_out"])
    assert len(found["added"]) > 50
    assert 1001 == json.loads(Forecast("f.yaml", changes=many).text(1))["left_out"]


def test_an_error_stands_alone() -> None:
    found = json.loads(Forecast("f.yaml", error="f.yaml:3: wrong", wrong=True).text(1000))
    assert {"file": "f.yaml", "digest": "", "error": "f.yaml:3: wrong", "wrong": True} == found
