"""The alert rules ask for metrics that the services have, and each leads to what to do about it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.metrics import MetricWrapperBase

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "prometheus" / "alerts.yml"
DEFINED_IN = (
    "shared.metrics",
    *(f"services.{one.parent.name}.metrics" for one in ROOT.glob("services/*/metrics.py")),
)
SEVERITIES = {"critical", "warning"}
DURATION = re.compile(r"\d+[smhd]")
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [rule for group in DOCUMENT["groups"] for rule in group["rules"]]
NAMES = [rule.get("alert") for rule in RULES]


def series() -> dict[str, set[str]]:
    """Every series that the services give out, by name, with its labels."""
    for name in DEFINED_IN:
        import_module(name)
    found: dict[str, set[str]] = {}
    metrics = [value for name in DEFINED_IN for value in vars(import_module(name)).values()]
    for metric in (one for one in metrics if isinstance(one, MetricWrapperBase)):
        (family,) = metric.describe()
        labels = set(metric._labelnames)
        names = {
            "counter": [family.name + "_total"],
            "histogram": [family.name + end for end in ("_count", "_sum")],
        }.get(family.type, [family.name])
        found |= dict.fromkeys(names, labels)
        if family.type == "histogram":
            found[family.name + "_bucket"] = labels | {"le"}
    assert found
    return found


def anchors() -> set[str]:
    runbook = (ROOT / "deploy" / "runbook.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", runbook, re.M)
    return {re.sub(r"[^\w\- ]", "", one).strip().lower().replace(" ", "-") for one in headings}


def test_the_file_has_the_form_of_a_file_of_rules_and_no_alert_twice() -> None:
    assert set(DOCUMENT) == {"groups"}
    assert all(set(group) == {"name", "rules"} for group in DOCUMENT["groups"])
    assert all(set(rule) == {"alert", "expr", "for", "labels", "annotations"} for rule in RULES)
    assert len(set(NAMES)) == len(NAMES) > 0


def test_a_solution_that_is_not_proven_is_told_at_once() -> None:
    (rule,) = (rule for rule in RULES if "makker_match_not_proven_total" in rule["expr"])
    assert rule["for"] == "0m"


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_asks_for_metrics_and_labels_that_the_services_have(rule: dict[str, Any]) -> None:
    has, asked = series(), set(re.findall(r"\bmakker_\w+", rule["expr"]))
    assert asked, "an alert looks at a metric"
    assert asked <= set(has)
    labels = {
        label.strip()
        for listed in re.findall(r"\bby \(([^)]*)\)", rule["expr"])
        for label in listed.split(",")
    } | set(re.findall(r"[{,]\s*(\w+)\s*[=!]", rule["expr"]))
    assert all(labels <= has[name] for name in asked)
    told = " ".join(rule["annotations"].values())
    left = set(re.findall(r"\bby \(([^)]*)\)", rule["expr"]))
    assert set(re.findall(r"\$labels\.(\w+)", told)) <= {one.strip() for by in left for one in by.split(",")}


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_says_how_urgent_it_is_and_leads_to_the_runbooks_heading_of_its_metric(
    rule: dict[str, Any],
) -> None:
    assert set(rule["labels"]) == {"severity"}
    assert rule["labels"]["severity"] in SEVERITIES
    assert DURATION.fullmatch(rule["for"])
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert all(rule["annotations"].values())
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert (FILE.parent / path).resolve() == ROOT / "deploy" / "runbook.md"
    assert anchor in anchors()
    # Of the metric that it is about, whose name the anchor has.
    first = re.findall(r"\bmakker_\w+", rule["expr"])[0].removesuffix("_bucket")
    assert first in anchor
