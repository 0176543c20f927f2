"""The published schemas: the committed copies are current, and a change that breaks someone is found."""

import copy
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.registry import COPIES, INPUTS, SCHEMAS, breaking_changes, json_schema

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["schemas", "streams", "workers"])
def test_our_packages_are_ours(name: str) -> None:
    """Their names are common ones: whatever else is installed, they lead to our files."""
    assert importlib.import_module(name).__file__ == str(ROOT / name / "__init__.py")


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_copies_are_current(name: str) -> None:
    """`python -m schemas.registry` writes them, and refuses what breaks."""
    assert json.loads((COPIES / f"{name}.json").read_text()) == json_schema(name)


def test_no_copy_is_left_over() -> None:
    """One file a schema."""
    assert {path.stem for path in COPIES.glob("*.json")} == set(SCHEMAS)
    assert set(SCHEMAS) >= INPUTS


OLD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 10, "pattern": "^a"},
        "status": {"enum": ["a", "b"]},
        "count": {"type": "integer", "minimum": 0, "maximum": 5},
        "free": {"type": "string"},
    },
    "required": ["id"],
}


def changed(path: str, value: Any = None) -> dict[str, Any]:
    """OLD with the value at `path` set, or taken away where it is None."""
    new = copy.deepcopy(OLD)
    *folders, last = path.split("/")
    inner = new
    for name in folders:
        inner = inner[name]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return new


@pytest.mark.parametrize(
    ("path", "value", "breaks_publishers", "breaks_readers"),
    [
        ("properties/new", {"type": "string"}, False, False),
        ("properties/free", None, True, True),
        ("properties/free/type", "integer", True, True),
        ("required", ["id", "free"], True, False),
        ("required", [], False, True),
        ("properties/status/enum", ["a", "b", "c"], False, True),
        ("properties/status/enum", ["a"], True, False),
        ("properties/id/maxLength", 20, False, True),
        ("properties/id/maxLength", 5, True, False),
        ("properties/id/minLength", 2, True, False),
        ("properties/count/minimum", 1, True, False),
        ("properties/count/maximum", 9, False, True),
        ("properties/free/maxLength", 100, True, False),
        ("properties/id/pattern", "^b", True, True),
        ("properties/id/description", "said better", False, False),
        ("title", "A better name", False, False),
    ],
)
def test_breaking_changes(path: str, value: Any, breaks_publishers: bool, breaks_readers: bool) -> None:
    """Nothing may be asked for or narrowed where others write; nothing taken away or widened where others read."""
    new = changed(path, value)
    assert bool(breaking_changes(OLD, new, written_by_others=True)) is breaks_publishers
    assert bool(breaking_changes(OLD, new, written_by_others=False)) is breaks_readers


def test_no_change_breaks_nothing() -> None:
    """Neither side."""
    for name in SCHEMAS:
        for written_by_others in (True, False):
            assert breaking_changes(json_schema(name), json_schema(name), written_by_others=written_by_others) == []
