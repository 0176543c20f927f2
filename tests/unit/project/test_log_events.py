"""Every event of the log is listed in docs/log-events.md, with its level and fields; and nothing else is."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = ("lookalike", "schemas", "streams", "workers")
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
ROW = re.compile(r"^\| `([\w-]+)` \| (\w+) \| (.+?) \| .+ \|$", re.MULTILINE)


@dataclass
class Event:
    """An event: its levels and its fields."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


def listed() -> dict[str, Event]:
    """The events of the page."""
    rows = ROW.findall((ROOT / "docs/log-events.md").read_text())
    names = [name for name, _, _ in rows]
    assert sorted(names) == sorted(set(names)), "each event is listed once"
    return {name: Event({level}, set(re.findall(r"`(\w+)`", fields))) for name, level, fields in rows}


def log_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls of a structlog logger in a module: it has the name `_log` everywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            logger = node.func.value
            if isinstance(logger, ast.Name) and logger.id in ("_log", "log", "logger", "_logger"):
                yield node


def logged() -> dict[str, Event]:
    """The events of the code; a name that is not a literal can't be listed."""
    events: dict[str, Event] = defaultdict(Event)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for call in log_calls(ast.parse(path.read_text())):
                name = call.args[0] if call.args else None
                assert isinstance(name, ast.Constant), f"{path}:{call.lineno}: the event is not a literal"
                assert isinstance(call.func, ast.Attribute)
                event = events[str(name.value)]
                event.levels.add(call.func.attr)
                event.fields |= {each.arg for each in call.keywords if each.arg is not None}
    return events


def test_each_event_is_listed() -> None:
    """A new log call needs a row in docs/log-events.md; a row whose event nobody logs must go."""
    page, code = listed(), logged()
    assert sorted(code.keys() - page.keys()) == [], "these are logged and not listed"
    assert sorted(page.keys() - code.keys()) == [], "these are listed and not logged"
    assert {name: event.levels for name, event in code.items()} == {name: page[name].levels for name in code}
    missing = {name: event.fields - page[name].fields for name, event in code.items()}
    assert {name: fields for name, fields in missing.items() if fields} == {}, "fields that are not listed"


def test_only_loggers_of_that_name_exist() -> None:
    """Else a call under another name would not be found by the test above."""
    others = [
        f"{path}: {line.strip()}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for line in path.read_text().splitlines()
        if "structlog.get_logger(" in line and line != "_log = structlog.get_logger(__name__)"
    ]
    assert others == []
