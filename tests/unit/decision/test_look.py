"""A whole look, from matured days to the log: what is taken in, what is told, and that a crash changes nothing."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from schemas.retrain_request import RetrainRequested
from streams.errors import SlowDown
from workers.decision.alarms import Reading
from workers.decision.decision_round import (
    RoundRequest,
    RoundResult,
    last_result,
    last_signals,
    last_state,
    made_requests,
    run_round,
)
from workers.decision.evidence_store import Day, Store
from workers.decision.evidence_units import DCG, LEAD, NDCG
from workers.decision.retrain_policy import RetrainPolicy
from workers.decision.retrain_requests import RefusedRequest, admitted
from workers.decision.signals import Change, Index, Recall, Recording, Signals

FIRST = date(2026, 3, 1)
NOW = datetime(2026, 7, 1, tzinfo=UTC)
SAME = Change(before=1.0, after=1.0)
RULES = RetrainPolicy.model_validate({})
SIGNS = Signals(
    live="m@1",
    recording=Recording(shelves_a_day=SAME, joined=SAME, sample_ratio_p=0.5),
    index=Index(lag_seconds=1.0, sold_shown=SAME),
    recall=Recall(recall=SAME, mixed=0.0),
    releases=(),
)


class ListLog:
    """A log in memory; away where it is told to be."""

    def __init__(self) -> None:
        self.records: list[RetrainRequested] = []
        self.away = False

    def requested(self) -> list[RetrainRequested]:
        """What is there."""
        return list(self.records)

    def publish_missing(self, requests: list[RetrainRequested]) -> list[RefusedRequest]:
        """As the topic does it."""
        if self.away:
            raise SlowDown("away")
        missing, refused = admitted(self.records, requests)
        self.records += missing
        return refused


def concurrent(days: int, tilt: float, after: int, model: str = "m@1") -> list[Day]:
    """Days of 100 units; from `after` on the anchor earns more."""
    draws = np.random.default_rng(9)
    found = []
    for number in range(days):
        worse = tilt if number >= after else 0.0
        values = draws.choice([-1.0, 1.0], (100, 1), p=[0.5 - worse / 2, 0.5 + worse / 2])
        codes = np.zeros(100, np.int32)
        found.append(Day("concurrent", model, "a@1", FIRST + timedelta(number), (LEAD,), ("bags",), codes, values))
    return found


def observed(days: int, factor: float, after: int) -> list[Day]:
    """Days of 500 units in two strata; from `after` on everything is `factor` of what it was."""
    draws = np.random.default_rng(10)
    found = []
    for number in range(days):
        codes = draws.integers(0, 2, 500).astype(np.int32)
        level = np.array([[0.6, 0.3], [0.5, 0.2]])[codes] * (factor if number >= after else 1.0)
        values = level * draws.normal(1.0, 0.01) + draws.normal(0.0, 0.1, (500, 2))
        strata = ("bags on app", "shoes on app")
        found.append(Day("observed", "m@1", "", FIRST + timedelta(number), (NDCG, DCG), strata, codes, values))
    return found


def daily(
    store: Store, days: list[Day], log: ListLog, signs: Signals = SIGNS, rules: RetrainPolicy = RULES
) -> list[RoundResult]:
    """A look after each day."""
    told = []
    for day in days:
        now = datetime.combine(day.day, datetime.min.time(), UTC) + timedelta(days=22)
        told.append(run_round(store, [day], lambda _alarm: signs, rules, log, RoundRequest(now=now)))
    return told


def test_a_drop_asks_once(tmp_path: Path) -> None:
    """Quiet before it; one request within weeks; then in flight, however long it goes on."""
    log = ListLog()
    with Store(tmp_path) as store:
        told = daily(store, concurrent(100, 0.1, 50), log)
        kinds = [each.outcome.kind for each in told]
        assert set(kinds[:50]) == {"quiet"}
        assert kinds.count("request") == 1
        assert 52 < kinds.index("request") < 75
        assert "one in flight" in told[-1].outcome.message
        (record,) = log.records
        assert record.decision_id == made_requests(store)[0].decision_id
        assert record.since is not None
        assert abs((record.since - FIRST).days - 50) <= 7
        assert last_result(store) == told[-1]
        assert last_signals(store) == SIGNS


def test_nothing_wrong_is_quiet(tmp_path: Path) -> None:
    """And says when it is looked at next."""
    log = ListLog()
    with Store(tmp_path) as store:
        told = daily(store, concurrent(40, 0.0, 0), log)
    assert {each.outcome.kind for each in told} == {"quiet"}
    assert told[-1].next_look == "2026-04-14 00:00 UTC, when the shelves of 2026-04-10 have matured"
    assert log.records == []


def test_the_signs_are_gathered_around_the_alarm(tmp_path: Path) -> None:
    """Whoever fills them in is told the source and the likely beginning."""
    asked: list[Reading | None] = []

    def gather(alarm: Reading | None) -> Signals:
        asked.append(alarm)
        return SIGNS

    with Store(tmp_path) as store:
        for day in concurrent(40, 0.2, 0):
            run_round(store, [day], gather, RULES, ListLog(), RoundRequest(now=NOW))
    alarms = [each for each in asked if each is not None]
    assert asked[0] is None
    assert alarms[0].source == "concurrent"
    assert alarms[0].since is not None


def test_observed_evidence_needs_its_reference(tmp_path: Path) -> None:
    """It says how many days are missing, then tests; where something is not known, it does not blame the model."""
    log = ListLog()
    with Store(tmp_path) as store:
        told = daily(store, observed(60, 0.93, 45), log)
    assert told[10].readings[1].missing == "20 more matured days for the reference, then days to test"
    assert told[40].outcome.kind == "quiet"
    assert told[-1].outcome.kind == "investigate"
    assert "weak evidence" in told[-1].outcome.message
    assert any(each.startswith("season") for each in told[-1].outcome.missing)
    assert log.records == []


def test_a_log_that_is_away_loses_nothing(tmp_path: Path) -> None:
    """The decision is kept, and the next look brings it there, once."""
    log = ListLog()
    with Store(tmp_path) as store:
        run_round(store, [], lambda _alarm: SIGNS, RULES, log, RoundRequest(now=NOW))
        log.away = True
        with pytest.raises(SlowDown):
            run_round(store, [], lambda _alarm: SIGNS, RULES, log, RoundRequest(now=NOW, manual_reason="why not"))
        with pytest.raises(SlowDown):
            run_round(store, [], lambda _alarm: SIGNS, RULES, log, RoundRequest(now=NOW))
        log.away = False
        for _ in range(2):
            run_round(store, [], lambda _alarm: SIGNS, RULES, log, RoundRequest(now=NOW))
        assert [each.why for each in log.records] == ["why not"]


def test_a_dry_look_writes_nothing(tmp_path: Path) -> None:
    """It tells what would be requested."""
    log, days = ListLog(), concurrent(40, 0.3, 0)
    with Store(tmp_path) as store:
        for day in days:
            store.close_day(day, NOW)
        run_round(store, [], lambda _alarm: Signals(live="m@1"), RULES, log, RoundRequest(now=NOW))
        before = last_state(store)
        told = run_round(store, days, lambda _alarm: SIGNS, RULES, log, RoundRequest(now=NOW, dry=True))
        assert told.outcome.kind == "request"
        assert (last_state(store), log.records, made_requests(store)) == (before, [], [])


def test_a_promotion_is_found_by_the_model(tmp_path: Path) -> None:
    """Evidence of the old one is no evidence against the new one."""
    log = ListLog()
    with Store(tmp_path) as store:
        daily(store, concurrent(30, 0.0, 0), log)
        signs = SIGNS.model_copy(update={"live": "m@2"})
        told = run_round(store, concurrent(1, 0.0, 0, "m@2"), lambda _alarm: signs, RULES, log, RoundRequest(now=NOW))
    assert (told.model, told.readings[0].days) == ("m@2", 1)


def test_evidence_that_comes_again_changes_nothing(tmp_path: Path) -> None:
    """Restated days, copies, an order of their own: the same levels to the last digit."""
    days = concurrent(20, 0.05, 5)
    levels = []
    for folder, given in (("a", days), ("b", [*reversed(days), *days, *concurrent(20, 0.9, 0)])):
        with Store(tmp_path / folder) as store:
            run_round(store, given, lambda _alarm: SIGNS, RULES, ListLog(), RoundRequest(now=NOW))
            told = run_round(store, [], lambda _alarm: SIGNS, RULES, ListLog(), RoundRequest(now=NOW, dry=True))
            levels.append(told.readings[0].e_value)
    assert levels[0] == levels[1]


def by_hand(store: Store, log: ListLog, days: float, model: str = "m@1", why: str = "a person's reason") -> RoundResult:
    """A request by hand, so many days after the first look."""
    asked = RoundRequest(now=NOW + timedelta(days=days), manual_reason=why)
    return run_round(store, [], lambda _alarm: Signals(live=model), RULES, log, asked)


def test_two_folders_that_count_apart(tmp_path: Path) -> None:
    """What one has asked for is in flight for the other; when that is over, the same words are another request."""
    log = ListLog()
    with Store(tmp_path / "one") as one, Store(tmp_path / "other") as other:
        first = by_hand(one, log, 0)
        assert "one in flight" in by_hand(other, log, 1).outcome.message
        second = by_hand(other, log, 61)
    assert second.outcome.kind == "request"
    assert [each.decision_id for each in log.records] == [first.decision_id, second.decision_id]
    assert first.decision_id != second.decision_id
    assert [each.follows for each in log.records] == [None, first.decision_id]


def test_a_folder_that_was_lost(tmp_path: Path) -> None:
    """The log still knows: what was asked for is in flight, and counts for the budget whatever the model is."""
    log = ListLog()
    for number, model in enumerate(("m@1", "m@2")):
        with Store(tmp_path / str(number)) as store:
            assert by_hand(store, log, number, model).outcome.kind == "request"
    with Store(tmp_path / "fresh") as store:
        assert "one in flight" in by_hand(store, log, 3, "m@2").outcome.message
        assert "monthly budget: 2" in by_hand(store, log, 4, "m@3").outcome.message
    assert len(log.records) == 2


def test_a_log_that_was_lost(tmp_path: Path) -> None:
    """The folder still knows."""
    with Store(tmp_path) as store:
        by_hand(store, ListLog(), 0)
        assert "one in flight" in by_hand(store, ListLog(), 1).outcome.message


class Overtaken(ListLog):
    """Another folder's request comes in between the look and the transaction."""

    def publish_missing(self, requests: list[RetrainRequested]) -> list[RefusedRequest]:
        """After the other one."""
        other = requests[0].model_copy(update={"decision_id": "f" * 16, "why": "another folder's"})
        self.records.append(other)
        return super().publish_missing(requests)


def test_a_request_that_was_overtaken(tmp_path: Path) -> None:
    """It is not made, and not said to be; nothing of it is left to be published later."""
    log = Overtaken()
    with Store(tmp_path) as store:
        told = by_hand(store, log, 0)
        assert (told.outcome.kind, told.decision_id) == ("blocked", None)
        assert f"{'f' * 16} was requested meanwhile" in told.outcome.message
        assert last_result(store) == told
        assert made_requests(store) == []
        assert f"one in flight: {'f' * 16}" in by_hand(store, log, 1).outcome.message
    assert [each.decision_id for each in log.records] == ["f" * 16]


def test_an_id_that_the_log_has_with_other_content() -> None:
    """It is another request, never the same one made; the same content under its id is there already."""
    one = RetrainRequested(decision_id="0" * 16, at=NOW, model="m@1", trigger="hand", why="a reason")
    again = one.model_copy(update={"at": NOW + timedelta(days=1)})
    other = one.model_copy(update={"why": "another one"})
    assert admitted([one], [again]) == ([], [])
    missing, (refused,) = admitted([one], [other])
    assert (missing, refused.decision_id) == ([], "0" * 16)
    assert "its id is that of another request" in refused.why
