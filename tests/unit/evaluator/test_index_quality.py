"""The quality of the index stands beside a decision: a measurement that fails is not known, and ends nothing."""

from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pymilvus.exceptions import MilvusException

from streams.errors import CollectionGone, SlowDown
from streams.settings import Settings
from workers.evaluator.index_quality import IndexQualityMonitor

SINCE = date(2026, 1, 1)
ERRORS = [
    SlowDown("away"),
    ValueError("cannot reshape array of size 0"),
    ZeroDivisionError(),
    MilvusException(code=65_535, message="an answer of a kind that nobody foresaw"),
    CollectionGone("the alias listings points to nothing of ours"),
    MemoryError(),
]


class FakeMilvus:
    """A collection of some listings, by when they were listed; a query may fail."""

    def __init__(self, ages: dict[str, int], failing: str = "", error: Exception | None = None) -> None:
        self.ages, self.failing, self.error = ages, failing, error

    def query(self, _name: str, where: str, **asked: Any) -> list[dict[str, Any]]:
        """As MilvusClient does it, for the filters that are used here."""
        if self.error is not None and self.failing in where:
            raise self.error
        tests: dict[str, Callable[[int, int], bool]] = {">=": int.__ge__, "<": int.__lt__}
        found = list(self.ages)
        if where.startswith("listed_at"):
            _, sign, bound = where.split()
            found = [name for name, age in self.ages.items() if tests[sign](age, int(bound))]
        if asked["output_fields"] == ["count(*)"]:
            return [{"count(*)": len(found)}]
        vectors = np.random.default_rng(1).normal(size=(len(found), 4))
        return [{"listing_id": name, "embedding": list(each)} for name, each in zip(found, vectors, strict=True)]

    def search(self, _name: str, vectors: list[list[float]], **_asked: Any) -> list[list[dict[str, float]]]:
        """Everybody finds the same."""
        return [[{"distance": 0.9}] for _ in vectors]


def monitor_of(client: object, monkeypatch: pytest.MonkeyPatch) -> IndexQualityMonitor:
    """Of a catalogue whose alias points to a collection that this client answers for; to none if that is None."""
    there = SimpleNamespace(listings="listings_small_0123456789ab")
    monkeypatch.setattr("workers.milvus.client.connect", lambda *_: client)
    monkeypatch.setattr("workers.milvus.collection.live", lambda *_: client and there)
    return IndexQualityMonitor(Settings(), {})


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_measurement_that_fails_is_not_known(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reason is; it is said of all three."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("workers.milvus.client.connect", fail)
    found = IndexQualityMonitor(Settings(), {})(SINCE)
    assert (found.recall, found.new_pairs, found.drift) == (None, None, None)
    assert set(found.unknown) == {"recall", "new_pairs", "drift"}
    assert (str(error) or type(error).__name__) in found.unknown["recall"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_can_be_measured_is_measured(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """One query that fails costs its own diagnostic alone."""
    ages = {f"l{number}": number * 10**15 for number in range(8)}
    found = monitor_of(FakeMilvus(ages, "<", error), monkeypatch)(SINCE)
    assert set(found.unknown) == {"drift"}
    assert found.recall is not None
    assert found.new_pairs == 6


@pytest.mark.parametrize(
    ("ages", "unknown"),
    [
        ({}, {"recall", "drift"}),
        ({"only": 3 * 10**15}, {"drift"}),
        ({"old": 1, "older": 0}, {"drift"}),
        ({"new": 3 * 10**15, "newer": 4 * 10**15}, {"drift"}),
    ],
    ids=["empty", "one listing", "none newer", "none older"],
)
def test_small_indexes(ages: dict[str, int], unknown: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An index of one listing, or one that is all of one side of the promotion, has a recall and no drift."""
    found = monitor_of(FakeMilvus(ages), monkeypatch)(SINCE)
    assert set(found.unknown) == unknown
    assert found.new_pairs == sum(age >= 1767225600 * 10**6 for age in ages.values())


def test_a_catalogue_without_an_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first worker has made a collection, or after somebody dropped the alias."""
    found = monitor_of(None, monkeypatch)(SINCE)
    assert found.unknown["recall"] == "no collection is behind the alias yet"
