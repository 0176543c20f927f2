"""One round of evaluation: restate the figures from what is recorded, close the days that are whole, decide.

    snapshot ▸ live model ▸ sums of changed days ▸ report ▸ publish ▸ commit how far it is
    whole until ▸ days that matured ▸ evidence ▸ look (signs, causes, rules) ▸ at most one request

Figures are kept in memory alone, for they follow from the files. Evidence and decisions are written once, before they
are told. So a crash anywhere costs a round.
"""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import structlog
from confluent_kafka import KafkaException

from schemas.evaluation_report import Report
from streams.errors import Broken, LookalikeError, SlowDown
from streams.groups import EVALUATE
from streams.settings import Settings
from streams.topics import INTERACTIONS
from workers.decision.decision_round import RoundRequest, RoundResult, last_result, run_round
from workers.decision.evidence_store import Day, Store
from workers.decision.evidence_units import EVIDENCE
from workers.decision.retrain_policy import read_policy
from workers.decision.retrain_requests import RetrainLog
from workers.decision.verdict import FAILED, RoundFailure, age_of
from workers.evaluation.config import USUAL, EvaluationConfig
from workers.evaluation.shelves import USUAL as WINDOWS
from workers.evaluation.shelves import day_of
from workers.evaluator import metrics
from workers.evaluator.alarm_context import SignalCollector
from workers.evaluator.completeness import complete_until
from workers.evaluator.day_cache import DayStatsCache
from workers.evaluator.day_closing import day_evidence, days_to_close
from workers.evaluator.diagnostics_guard import reason_of
from workers.evaluator.folder_snapshot import Snapshot
from workers.evaluator.index_quality import IndexQualityMonitor
from workers.evaluator.kafka import KafkaStatus
from workers.evaluator.live_model import AliasHistory, LiveModel, find_live_model
from workers.evaluator.report_publisher import ReportPublisher
from workers.interactions.reach import Reach, reach
from workers.reports.build import Clock, build

_RECALLS = "recalls"
_DAY = timedelta(days=1)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ReportScope:
    """What the operator chose: how many days a report is of, and what is measured."""

    days: int = 28
    config: EvaluationConfig = USUAL


class Evaluator:
    """Evaluates one folder of interactions, round by round; one process at a time (`service` sees to that)."""

    def __init__(
        self, settings: Settings, folder: Path, store: Store, scope: ReportScope, beat: Callable[[], None]
    ) -> None:
        self._settings, self._folder, self._store, self._scope, self._beat = settings, folder, store, scope, beat
        self._kept = DayStatsCache(folder, scope.config, WINDOWS)
        self._reports, self._broker = ReportPublisher(settings), KafkaStatus(settings)
        self._stands = IndexQualityMonitor(settings, json.loads(store.note(_RECALLS) or "{}"))
        self._alias = AliasHistory(settings, store)
        self._looked: date | None = None
        self._committed: dict[int, int] = {}
        self._ignored: tuple[str, ...] = ()

    def round(self) -> Report | None:
        """Measure, and decide where a day has become whole; None where nothing is recorded yet.

        Raises SlowDown or ServiceUnavailable where Kafka is away: the next round does what this one could not.
        """
        now = Snapshot.take(self._folder, self._settings.named(INTERACTIONS))
        told = reach(self._folder)
        if told is None:
            return None
        if told.ignored != self._ignored:
            self._ignored = told.ignored
            _log.warning("days_ignored", why=told.ignored_message() or "none any more")
        metrics.IGNORED.set(len(told.ignored))
        newest = told.until
        facts = self._alias.look(datetime.now(UTC))
        found = find_live_model(self._folder, newest.date() - 90 * _DAY, newest.date() + _DAY, facts)
        if found is None:
            return None
        report = self._measure(now, newest, found)
        self._try_to_decide(now, told, found)
        return report

    def _try_to_decide(self, now: Snapshot, told: Reach, found: LiveModel) -> None:
        """Decide; an error that nobody foresaw is logged, counted and shown beside the last verdict, and tried again.

        What the services are away for, what the operator must mend and what is broken goes on as it is.
        """
        failure: RoundFailure | None = None
        try:
            self._decide(now, found)
        except (SlowDown, LookalikeError, Broken, KafkaException, FileNotFoundError, sqlite3.Error):
            raise
        except Exception as error:  # noqa: BLE001 - logged with its trace, counted, and shown beside the last verdict
            failure = RoundFailure(at=datetime.now(UTC), error=reason_of(error))
            metrics.ROUNDS_FAILED.inc()
            _log.exception("decision_failed", error=failure.error)
        note = "" if failure is None else failure.model_dump_json()
        if (self._store.note(FAILED) or "") != note:
            self._store.write_step({FAILED: note}, None, datetime.now(UTC))
        metrics.set_verdict_age(age_of(last_result(self._store), told))

    def _measure(self, now: Snapshot, newest: datetime, found: LiveModel) -> Report:
        with metrics.STAGE_SECONDS.labels("figures").time():
            until = newest.date() + _DAY
            days = self._kept.refresh(now, found.model, until - self._scope.days * _DAY, until, self._beat)
            clock = Clock(datetime.now(UTC), newest, WINDOWS)
            report = build(days, clock, self._scope.config, model=found.model or None)
        metrics.set_figures(report)
        metrics.REACHED.set(newest.timestamp())
        if self._reports.publish(report):
            metrics.REPORTS.inc()
            _log.info("reported", model=report.model, until=str(report.until), open_days=report.open_days)
        if now.recorded != self._committed:
            self._broker.commit(dict(now.recorded), EVALUATE)
            self._committed = dict(now.recorded)
        return report

    def _decide(self, now: Snapshot, found: LiveModel) -> None:
        """Close what is whole, day by day in order, and look after each: so a long backlog comes to what it would have.

        The first time it looks in any case, for a crash may have come between a day's closing and its look.
        """
        rules = read_policy(self._settings)
        until = complete_until(self._settings, self._folder, datetime.now(UTC))
        if until is None:
            return
        last = max(filter(None, (self._store.last_day(), self._looked)), default=None)
        days = days_to_close(list(now.days), last, until)
        around = SignalCollector(self._settings, self._folder, self._store, rules, found, self._broker, self._stands)

        def look_at(units: Sequence[Day], at: datetime) -> RoundResult:
            with metrics.STAGE_SECONDS.labels("decision").time():
                return run_round(self._store, units, around, rules, RetrainLog(self._settings), RoundRequest(now=at))

        if self._looked is None and not days:
            look_at([], until)
        for day, units in zip(days, day_evidence(self._folder, days), strict=True):
            told = look_at(units, min(until, EVIDENCE.matures(day_of(day)) + _DAY))
            self._looked = day
            self._beat()
            _told(day, units, told)
        self._looked = self._looked or last or date.min
        if json.dumps(self._stands.first) != self._store.note(_RECALLS):
            self._store.write_step({_RECALLS: json.dumps(self._stands.first)}, None, datetime.now(UTC))


def _told(day: date, units: Sequence[Day], told: RoundResult) -> None:
    metrics.CLOSED.inc()
    if told.decision_id is not None:
        metrics.REQUESTS.inc()
    _log.info(
        "looked",
        day=str(day),
        units=sum(len(each.codes) for each in units),
        outcome=told.outcome.kind,
        says=told.outcome.message,
        decision=told.decision_id,
    )
