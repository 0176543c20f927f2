"""What a project has beside its code: documents that lead somewhere, decisions with their state, tools that exist."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types

from streams.settings import Settings
from streams.topics import TOPICS

ROOT = Path(__file__).parents[3]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = ROOT / "docs/decisions"
STATE = re.compile(r"in force|withdrawn|(amended|superseded) (on|by) \S.*")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def matches(pattern: str, text: str) -> list[Any]:
    """What matches, line by line."""
    return re.findall(pattern, text, re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the hosts of Markdown make them."""
    headings = matches(r"^#+ (.+)$", prose(page))
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", heading)) for heading in headings)
    return {heading.strip().lower().replace(" ", "-") for heading in plain}


def test_there_are_pages() -> None:
    """Or the list above has gone wrong."""
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "guarantees.md"} <= {
        page.name for page in PAGES
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file, and to a heading in it."""
    for link in matches(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_code_exists(page: Path) -> None:
    """Each path and each module of ours that a page names; of a bare `file.py`, a file of that name."""
    text = page.read_text()
    for path in matches(r"`((?:deploy|lookalike|schemas|streams|tests|workers)/[\w/.-]*)`", text):
        assert (ROOT / path).exists() or (ROOT / f"{path}.py").is_file(), path
    for name in matches(r"\b(?:schemas|streams|tests|workers)(?:\.\w+)+", text):
        path = ROOT.joinpath(*name.split("."))
        files = [prefix.with_suffix(".py") for prefix in (path, *path.parents) if prefix.is_relative_to(ROOT)]
        assert path.is_dir() or any(file.is_file() for file in files), name
    for file in matches(r"`(\w+\.py)`", text):
        assert any((ROOT / "workers").rglob(file)), file


def test_every_page_is_in_the_index() -> None:
    """Of docs/, and each once at least."""
    index = (ROOT / "docs/README.md").read_text()
    missing = [page.name for page in sorted((ROOT / "docs").glob("*.md")) if f"]({page.name})" not in index]
    assert missing == ["README.md"]


def test_every_decision_is_in_the_index() -> None:
    """Once, by date, under its own title, with its state: add a line to docs/decisions/README.md for a new one."""
    lines = matches(r"^\| (\S+) \| \[(.+)\]\((\S+)\) \| (.+) \|$", (DECISIONS / "README.md").read_text())
    files = sorted(page for page in DECISIONS.glob("*.md") if page.name != "README.md")
    expected = [(page.name[:10], page.read_text().splitlines()[0].removeprefix("# "), page.name) for page in files]
    assert [line[:3] for line in sorted(lines, key=lambda line: line[2])] == expected
    assert [line[2] for line in lines if not STATE.fullmatch(line[3])] == []
    assert [page.name for page in files if not re.match(r"\d{4}-\d\d-\d\d-[a-z0-9-]+\.md$", page.name)] == []


def test_the_architecture_names_every_topic() -> None:
    """In its picture, and in the table of who reads and writes it."""
    page = (ROOT / "docs/architecture.md").read_text()
    picture, table = page.split("```")[1], page.split("```")[2]
    assert [topic.name for topic in TOPICS if topic.name not in picture or f"`{topic.name}`" not in table] == []


def test_the_configuration_names_every_setting() -> None:
    """Each environment variable has a line of its own, and no other has one."""
    names = matches(r"^\| `(LOOKALIKE_\w+)` \|", (ROOT / "docs/configuration.md").read_text())
    assert sorted(names) == sorted(f"LOOKALIKE_{field.upper()}" for field in Settings.model_fields)


def test_the_operations_name_every_command() -> None:
    """In the first column of a table."""
    commands = matches(r'^ +"([a-z-]+)": "\w+:\w+",$', (ROOT / "workers/cli/program.py").read_text())
    assert len(commands) > 20
    rows = matches(r"^\| (`.+?`) \| ", (ROOT / "docs/operations.md").read_text())
    named = {match for row in rows for match in re.findall(r"`([a-z-]+)", row)}
    assert set(commands) <= named


def test_the_glossary_is_sorted() -> None:
    """By its words, each once."""
    words = matches(r"^\| (.+?) \| .+ \|$", (ROOT / "docs/glossary.md").read_text())[1:]
    assert len(words) > 30
    assert words == sorted(set(words), key=str.casefold)


def test_the_changelog_has_this_version() -> None:
    """And says first what is not released yet."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    releases = matches(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", (ROOT / "CHANGELOG.md").read_text())
    assert releases[0] == ("Unreleased", "")
    assert releases[1][0] == version
    assert all(date for _, date in releases[1:])
    assert [date for _, date in releases[1:]] == sorted((date for _, date in releases[1:]), reverse=True)


def test_licence() -> None:
    """The whole text, and every file that the package says it is under."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert all((ROOT / name).is_file() for name in project["license-files"])
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_make_help_names_every_target() -> None:
    """Each with one line; it is what `make` alone does."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(matches(r"^([a-z]+):", makefile))
    said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(matches(r"^  make (\w+) +\S", said)) == targets
    assert set(matches(r"^\.PHONY: (.+)$", makefile)[0].split()) == targets


def test_hooks_are_the_pinned_tools() -> None:
    """pre-commit fetches nothing: each hook is local and a program that the dependencies of development bring."""
    tools = {"ruff": "ruff", "mypy": "mypy", "lint-imports": "import-linter"}
    dev = " ".join(map(str, tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]))
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [each["repo"] for each in repositories] == ["local"]
    for hook in repositories[0]["hooks"]:
        folder, _, program = hook["entry"].split()[0].rpartition("/")
        assert (hook["language"], folder) == ("system", ".venv/bin")
        assert tools[program] in dev


def test_the_hosted_workflow_runs_ours() -> None:
    """It only clones and calls .ci/run; an action of others would be named by the hash of its commit."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert steps[-1]["run"] == ".ci/run"
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in steps if "uses" in step)
    assert workflow["permissions"] == {"contents": "read"}
