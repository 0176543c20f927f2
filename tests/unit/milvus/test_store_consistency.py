"""What decides about a write is read Strong: every acknowledged write of anybody is seen."""

from typing import Any

import pytest
from pymilvus import MilvusClient

from workers.milvus.collection import Collections
from workers.milvus.store import Store
from workers.milvus.takedown_rows import taken_down, taken_down_rows


class Queries(MilvusClient):  # type: ignore[misc]  # it ships no types
    """Keeps how each query was asked, and finds nothing."""

    def __init__(self) -> None:
        self.levels: list[tuple[str, Any]] = []

    def query(self, collection_name: str, *_: Any, **asked: Any) -> list[dict[str, Any]]:
        """As pymilvus'."""
        self.levels.append((collection_name, asked.get("consistency_level")))
        return []


@pytest.fixture
def queries() -> Queries:
    """A client of no server."""
    return Queries()


def test_the_guard_reads_strong(queries: Queries) -> None:
    """Rows and tombstones: a bounded read may miss the last seconds, and an old version would be written over a new."""
    store = Store(queries, Collections("m@0", "rows", "tombstones"))
    store.known(["a"])
    store.known(["a"], vectors=True)
    assert queries.levels == [("rows", "Strong"), ("tombstones", "Strong")] * 2


def test_takedowns_read_strong(queries: Queries) -> None:
    """What must not be seen is looked for among all rows that were written."""
    taken_down_rows(Store(queries, Collections("m@0", "rows", "tombstones")), 'seller_id == "s"')
    assert list(taken_down(queries, "tombstones")) == []
    assert {level for _, level in queries.levels} == {"Strong"}
