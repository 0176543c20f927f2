"""The SQL in our documentation, run by DuckDB against recorded files."""

import re
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pytest

from workers.interactions.layout import file_name
from workers.interactions.schema import COLUMNS
from workers.interactions.staging import write_file

ROOT = Path(__file__).parents[3]
DAY = "2026-11-20"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
EXAMPLES = [
    pytest.param(query.strip(), id=f"{page.name}-{number}")
    for page in [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
    for number, query in enumerate(
        query
        for block in re.findall(r"^```sql\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        for query in re.sub(r"^--.*\n", "", block, flags=re.MULTILINE).split(";")
        if query.strip()
    )
]


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data folder that the examples are run in: one shelf's click."""
    said = {"event": "click", "event_id": "e", "request_id": "r", "listing_id": "m1", "at": AT, "recorded_at": AT}
    rows = pa.Table.from_pylist([said | {"partition": 3, "offset": 1_017}], schema=COLUMNS)
    write_file(tmp_path / "interactions" / f"day={DAY}" / file_name("interactions", 3, 1_017, 1_017), rows)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("query", EXAMPLES)
def test_an_example(query: str) -> None:
    """It can be run as it is printed, and finds what is there."""
    found = duckdb.sql(query)
    assert found is not None
    assert len(found.fetchall()) == 1


def test_the_examples_are_found() -> None:
    """And among them the names that DuckDB has for itself."""
    text = "\n".join(str(each.values[0]) for each in EXAMPLES)
    assert len(EXAMPLES) >= 3
    assert '"at"' in text
    assert '"offset"' in text
