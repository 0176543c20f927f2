"""The declared Python API: its names, their parameters and fields are promises (docs/python.md)."""

import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lookalike

ROOT = Path(__file__).parents[3]
FIELDS = {
    "Answer": {"model", "query", "neighbors"},
    "Delivered": {"published", "failed", "errors"},
    "Neighbor": {
        "listing_id",
        "score",
        "title",
        "category",
        "price_minor",
        "currency",
        "status",
        "version",
        "image_urls",
    },
    "SearchOptions": {
        "k",
        "category",
        "max_price",
        "currency",
        "expression",
        "include_sold",
        "public",
        "min_score",
        "keep_duplicates",
    },
}
METHODS = {
    "Publisher": {"publish": 1, "remove": 2, "close": 0},
    "Searcher": {"by_listing": 2, "by_image": 2, "by_text": 2, "close": 0},
}
"""How many arguments each must be given, by position."""
ERRORS = {"LookalikeError", "NotFound", "ServiceUnavailable", "UsageError"}
NAMES = {*FIELDS, *METHODS, *ERRORS, "ListingEvent", "Settings", "json_schema", "read_settings"}


def test_names() -> None:
    """These, no others; each is found, has a docstring and is in the documentation."""
    assert set(lookalike.__all__) == NAMES
    assert set(lookalike._DEFINED) == NAMES
    assert set(dir(lookalike)) >= NAMES
    page = (ROOT / "docs/python.md").read_text()
    for name in NAMES:
        assert inspect.getdoc(getattr(lookalike, name)), name
        assert f"`{name}" in page
    with pytest.raises(AttributeError, match=r"docs/python\.md"):
        getattr(lookalike, "Asker")  # noqa: B009 - what mypy refuses, too


@pytest.mark.parametrize("name", FIELDS)
def test_fields(name: str) -> None:
    """What a program may read, or give by its name."""
    declared: Any = getattr(lookalike, name)
    assert {field.name for field in dataclasses.fields(declared)} >= FIELDS[name]


@pytest.mark.parametrize(("name", "method"), [(name, method) for name in METHODS for method in METHODS[name]])
def test_methods(name: str, method: str) -> None:
    """So many arguments must be given, by position; others have defaults."""
    parameters = list(inspect.signature(getattr(getattr(lookalike, name), method)).parameters.values())[1:]
    required = [each for each in parameters if each.default is inspect.Parameter.empty]
    assert all(each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for each in required)
    assert len(required) == METHODS[name][method]


def test_settings_come_first() -> None:
    """And are all that a publisher or a searcher needs."""
    for declared in (lookalike.Publisher, lookalike.Searcher):
        first, *others = inspect.signature(declared).parameters.values()
        assert first.name == "settings"
        assert all(each.default is not inspect.Parameter.empty for each in others)


@pytest.mark.parametrize("package", ["lookalike", "schemas", "streams", "workers"])
def test_typed(package: str) -> None:
    """Its types are for those who import it, too."""
    assert (ROOT / package / "py.typed").is_file()


def test_a_publisher_imports_no_store() -> None:
    """A name is imported when it is used: publishing needs neither pymilvus nor torch."""
    code = (
        "import sys; from lookalike import ListingEvent, Publisher, read_settings; "
        "print({'torch', 'pymilvus', 'faust', 'polars'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"


def test_errors() -> None:
    """One `except LookalikeError` handles all of them."""
    assert all(issubclass(getattr(lookalike, name), lookalike.LookalikeError) for name in ERRORS)
