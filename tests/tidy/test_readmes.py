"""What the services' READMEs draw is what their tables say."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from shared.transitions import Workflow, mermaid

SERVICES = Path(__file__).parents[2] / "services"
WITH_WORKFLOW = sorted(file.parent.name for file in SERVICES.glob("*/workflow.py"))


@pytest.mark.parametrize("service", WITH_WORKFLOW)
def test_a_readme_draws_each_lifecycle_as_its_table_has_it(service: str) -> None:
    workflow = import_module(f"services.{service}.workflow").WORKFLOW
    assert isinstance(workflow, Workflow)
    readme = (SERVICES / service / "README.md").read_text(encoding="utf-8")
    drawn = dict(
        re.findall(r"<!-- states:(\w+) -->\s*```mermaid\n(.*?)\n```\s*<!-- /states:\1 -->", readme, re.DOTALL)
    )
    assert drawn == {one.aggregate: mermaid(one) for one in workflow.lifecycles}
