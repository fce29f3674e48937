"""The pages that stand beside the program say what it does."""

import json
from importlib.resources import files

from gateway.config.models import json_schema
from gateway.plan.build import build_plan
from tests.config.loading import loaded
from tests.house.tree import ROOT

DECISIONS = ROOT / "docs" / "explanations" / "decisions"


def test_the_schema_in_the_reference_is_that_of_the_models() -> None:
    kept = json.loads((ROOT / "docs" / "reference" / "config-schema.json").read_text("utf-8"))

    assert kept == json_schema(), "write it anew: make schema"


def test_the_example_configuration_makes_a_plan_without_warnings() -> None:
    config = loaded((files("gateway.config") / "example.yaml").read_text("utf-8"))

    _, warnings = build_plan(config, {})

    assert (*config.notes, *warnings) == ()


def test_the_first_decisions_are_recorded_one_page_each() -> None:
    records = sorted(DECISIONS.glob("*.md"))

    assert len(records) >= 6
    for record in records:
        lines = record.read_text("utf-8").splitlines()
        assert lines[0].startswith("# "), record.name
        assert len(lines) <= 80, record.name


def test_the_licence_and_the_changelog_are_there() -> None:
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("BSD 3-Clause License")
    assert "acgate" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_versions_are_pinned_without_places_of_one_machine() -> None:
    for file in ("constraints.txt", "tests/pacsys-constraints.txt"):
        for line in (ROOT / file).read_text("utf-8").splitlines():
            name, equals, version = line.partition("==")
            assert equals, f"{file}: {line}"
            assert name, f"{file}: {line}"
            assert version[0].isdigit(), f"{file}: {line}"
