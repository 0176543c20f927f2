"""Which days stand for before and after, and which days are closed when."""

from datetime import UTC, date, datetime, timedelta

from workers.decision.alarms import Reading
from workers.decision.retrain_policy import RetrainPolicy
from workers.evaluator.comparison_days import MAX_DAYS_AFTER, MAX_DAYS_BEFORE, ComparisonDays, days_around
from workers.evaluator.day_closing import MAX_AGE, days_to_close
from workers.evaluator.live_model import LiveModel, majority_model

FIRST = date(2026, 9, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(40)]
RULES = RetrainPolicy.model_validate({"settle_days": 3, "reference_days": 28})


def alarm(since: date) -> Reading:
    """An alarm whose likely beginning is `since`."""
    return Reading("concurrent", "lead", "m@1", alarm=since + timedelta(days=4), since=since, until=DAYS[-1])


def test_around_an_alarm() -> None:
    """Before are the first settled days, at most two weeks; after those since it began; a release a week earlier."""
    found = days_around(DAYS, alarm(DAYS[30]), RULES, 7)
    assert found == ComparisonDays(
        (DAYS[3], DAYS[3 + MAX_DAYS_BEFORE]), (DAYS[30], DAYS[39] + timedelta(days=1)), DAYS[23]
    )


def test_an_early_alarm() -> None:
    """No day is both before and after, and at least one day is before."""
    found = days_around(DAYS[:6], alarm(DAYS[0]), RULES, 7)
    assert found == ComparisonDays((DAYS[3], DAYS[4]), (DAYS[4], DAYS[6]), DAYS[4])


def test_without_an_alarm() -> None:
    """The last week stands for after."""
    found = days_around(DAYS, None, RULES, 7)
    assert found is not None
    assert found.after == (DAYS[33], DAYS[39] + timedelta(days=1))


def test_too_few_days() -> None:
    """One day is neither."""
    assert days_around([], None, RULES, 7) is None
    assert days_around(DAYS[:1], None, RULES, 7) is None


def test_many_days_after() -> None:
    """At most the last two weeks are read."""
    found = days_around(DAYS, alarm(DAYS[5]), RULES, 7)
    assert found is not None
    assert (found.after[1] - found.after[0]).days == MAX_DAYS_AFTER


def test_days_that_are_due() -> None:
    """In order, after the last closed one, only mature ones, and none of a clock that is wrong by years."""
    reached = datetime(2026, 9, 10, 12, tzinfo=UTC)
    recorded = [*DAYS[::-1], date(1999, 1, 1), (reached - MAX_AGE).date()]
    assert days_to_close(recorded, None, reached) == [(reached - MAX_AGE).date(), *DAYS[:6]]
    assert days_to_close(recorded, DAYS[3], reached) == DAYS[4:6]
    assert days_to_close(recorded, DAYS[5], reached) == []


def test_the_live_model_of_a_promotion() -> None:
    """It is the majority's, and the promotion's day is the first on which it was."""
    days = {DAYS[0]: {"a": 500}, DAYS[1]: {"a": 400, "b": 100}, DAYS[2]: {"a": 100, "b": 400}, DAYS[3]: {"b": 500}}
    assert majority_model(days) == LiveModel("b", DAYS[2], "a")
    assert majority_model({DAYS[0]: {"a": 500}}) == LiveModel("a", DAYS[0], None)
    assert majority_model({}) is None
