"""What is live comes from the alias; shelves check it, and a test of two halves changes nothing."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from streams.errors import SlowDown
from streams.settings import Settings
from workers.decision.evidence_store import Store
from workers.evaluator.live_model import AliasFact, AliasHistory, LiveModel, majority_model, recorded_model

FIRST = date(2026, 9, 1)


def halves(days: int, seed: int = 3) -> dict[date, dict[str, int]]:
    """A test of two models, each with about half of the shelves, after a week of one of them alone."""
    draws = np.random.default_rng(seed)
    found = {FIRST + timedelta(number): {"a": 1_000} for number in range(7)}
    for number in range(7, days):
        first = int(draws.binomial(1_000, 0.5))
        found[FIRST + timedelta(number)] = {"a": first, "b": 1_000 - first}
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_test_of_two_halves(seed: int) -> None:
    """On each of its days the model that was live before it still is."""
    days = halves(35, seed)
    for count in range(7, 36):
        part = dict(list(days.items())[:count])
        assert majority_model(part) == LiveModel("a", FIRST, None)


def test_a_promotion_by_shelves() -> None:
    """Once another model clearly has most of them it is live, and back again after a rollback."""
    days = halves(10)
    days[FIRST + timedelta(10)] = {"a": 300, "b": 700}
    assert majority_model(days) == LiveModel("b", FIRST + timedelta(10), "a")
    days[FIRST + timedelta(11)] = {"a": 990, "b": 10}
    assert majority_model(days) == LiveModel("a", FIRST + timedelta(11), "b")


def test_the_alias_says_it() -> None:
    """A tenth of the shelves is enough, and the time of the promotion is that of the record."""
    days = halves(9)
    days[FIRST + timedelta(9)] = {"a": 900, "b": 100}
    since = datetime(2026, 9, 10, 8, tzinfo=UTC)
    facts = [AliasFact("a", datetime(2026, 9, 1, tzinfo=UTC)), AliasFact("b", since)]
    assert recorded_model(days, facts) == LiveModel("b", date(2026, 9, 10), "a")
    assert recorded_model(days, facts[:1]) == LiveModel("a", FIRST, None)
    elsewhere = [AliasFact("c", since)]
    assert recorded_model(days, elsewhere) == majority_model(days)


def test_what_the_alias_was_is_remembered(tmp_path: Path) -> None:
    """Each change once, through restarts; while Milvus is away nothing is added and nothing forgotten."""
    answers = iter(["a", "a", SlowDown("away"), None, "b", "a"])

    def ask(_settings: Settings) -> str | None:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    now, seen = datetime(2026, 9, 1, tzinfo=UTC), list[list[str]]()
    for number in range(6):
        with Store(tmp_path) as store:
            facts = AliasHistory(Settings(), store, ask).look(now + timedelta(days=number))
            seen.append([each.model for each in facts])
    assert seen == [["a"], ["a"], ["a"], ["a"], ["a", "b"], ["a", "b", "a"]]
    assert facts[1].since == now + timedelta(days=4)
