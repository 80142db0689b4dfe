"""What the pages for readers and operators say of messages, settings and metrics is what the code has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from shared.contracts.published import HERE, commands, events
from shared.contracts.topics import TOPICS
from shared.settings import Settings

ROOT = HERE.parent.parent
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "deploy").rglob("*.md")),
    *sorted((ROOT / "services").glob("*/README.md")),
    ROOT / "shared" / "programmes" / "README.md",
]
SERVICES = ("intake", "matching", "followup", "notifications")


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def table(page: str, first_heading: str) -> Iterator[list[str]]:
    """The cells of the table whose first column is headed so, row by row."""
    lines = iter(page.splitlines())
    for line in lines:
        if line.startswith(f"| {first_heading} |"):
            break
    else:
        raise AssertionError(f"there is no table headed {first_heading!r}")
    next(lines)
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_topics_stand_in_the_readme_as_the_contract_has_them() -> None:
    told = {
        quoted(topic)[0]: (kept, owner, readers)
        for topic, kept, owner, readers, _ in table(text("README.md"), "topic")
    }
    assert told == {
        topic.name: (
            "the newest of each key" if topic.compacted else f"{topic.retention_days} days",
            topic.owner,
            ", ".join(topic.readers),
        )
        for topic in TOPICS.values()
    }


def test_every_event_stands_in_the_readme_at_its_topic_and_no_other_does() -> None:
    told = {
        name: quoted(topic)[0]
        for topic, *_, names in table(text("README.md"), "topic")
        for name in quoted(names)
    }
    assert told == {name: model.topic for name, model in events().items()}


def test_every_command_stands_in_the_readme_at_its_service() -> None:
    told = {
        name: service
        for service, names in table(text("README.md").split("POST /<service>")[1], "service")
        for name in quoted(names)
    }
    assert told == {name: getattr(model, "service", "every service") for name, model in commands().items()}


def test_every_folder_of_code_stands_in_the_readme() -> None:
    told = {name for row in table(text("README.md"), "folder") for name in quoted(row[0])}
    there = {
        f"{path.name}/"
        for path in ROOT.iterdir()
        if path.is_dir() and not path.name.startswith(".") and any(path.rglob("*.py"))
    }
    assert there - {"services/"} <= told
    assert {f"services/{name}" for name in SERVICES} <= told


def test_every_setting_stands_in_the_operators_table_with_its_default() -> None:
    told = {
        name: default
        for names, _, default, _ in table(text("docs/operators.md"), "variable")
        for name in quoted(names)
    }
    settings = {name.upper(): field for name, field in Settings.model_fields.items()}
    assert set(told) - {"PORT", "BIND"} == set(settings)
    for name, field in settings.items():
        if field.is_required():
            assert told[name] == "required", name
        elif not isinstance(field.default, str) or (field.default and not field.default.startswith("{")):
            default = "the packaged folder" if field.default is None else f"`{field.default}`"
            assert told[name].lower() == str(default).lower(), name


def test_who_may_use_which_topic_follows_from_the_contract() -> None:
    told = {
        row[0]: (set(quoted(row[1])), set(quoted(row[2]))) for row in table(text("docs/operators.md"), "who")
    }
    for name, known_as in (("other systems", "publishers"), *((service, service) for service in SERVICES)):
        writes = {topic.name for topic in TOPICS.values() if topic.owner == name}
        reads = {topic.name for topic in TOPICS.values() if known_as in topic.readers}
        assert told[name] == (writes, reads), name


def metrics() -> set[str]:
    for name in ("shared.metrics", *(f"services.{service}.metrics" for service in SERVICES)):
        import_module(name)
    found = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in REGISTRY.collect()
        if metric.name.startswith("makker_")
    }
    assert found
    return found


def test_every_metric_has_a_heading_in_the_runbook_and_no_other_has() -> None:
    headings = re.findall(r"^### (.+)$", text("deploy/runbook.md"), re.M)
    assert {name for heading in headings for name in heading.split(", ")} == metrics()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    written = re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", written):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name} links to {target}"
        if anchor and there.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings}
