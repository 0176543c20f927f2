"""Reports for tests, of a simulated market as it was recorded."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from schemas.evaluation_report import Report
from workers.decision.decision import Outcome
from workers.decision.decision_round import RoundResult, SourceSummary
from workers.decision.root_causes import Finding
from workers.evaluation.config import USUAL
from workers.evaluation.day_statistics import folder_stats
from workers.evaluation.exact_sums import merge_days
from workers.evaluation.reader import Days
from workers.evaluation.shelves import Windows
from workers.reports.build import Clock, build, build_comparison


def report(folder: Path, since: date, days: int, niches: Sequence[str] = (), open_days: int = 7) -> Report:
    """The report of a folder of recorded interactions; the second half of the days compared with the first."""
    until, choice = since + timedelta(days=days), replace(USUAL, niches=tuple(niches))
    by_day = list(folder_stats(Days.of(folder, since, until), choice))
    one, other = (merge_days(stats for _, stats in part) for part in (by_day[: days // 2], by_day[days // 2 :]))
    at = datetime(until.year, until.month, until.day, 9, 30, tzinfo=UTC)
    windows = Windows(purchase=timedelta(days=open_days - 1), cancel=timedelta(days=0))
    return build(
        by_day,
        Clock(at, at, windows),
        choice,
        catalogue=60_000,
        comparison=build_comparison(("first half", one), ("second half", other), choice),
    )


def look(at: datetime) -> RoundResult:
    """What a decision may have found: an alarm that every cause was tried against."""
    day = at.date()
    message = "lead fell by about 6.1% since 2026-09-24 (live against the anchor); it can't be told from what yet"
    findings = (
        Finding(
            cause="recording",
            verdict="ruled out",
            message="volumes, joins and the split are as they should be",
            figures={"shelves_a_day": 1.02, "actions_a_shelf": 0.97},
        ),
        Finding(cause="index", verdict="ruled out", message="the index is up to date", figures={"lag_seconds": 4.0}),
        Finding(cause="recall", verdict="not known", message="nobody measured the index's recall"),
        Finding(cause="release", verdict="ruled out", message="no release near its beginning"),
        Finding(cause="mix", verdict="found", message="the shares of categories and surfaces explain 0.03 of 0.05"),
        Finding(cause="model", verdict="not known", message="not before it is known: recall"),
    )
    return RoundResult(
        at=at,
        model="small@0123456789ab",
        outcome=Outcome(
            kind="investigate",
            message=message,
            source="concurrent",
            findings=findings,
            missing=("recall: nobody measured the index's recall",),
        ),
        readings=(
            SourceSummary(
                source="concurrent",
                measure="lead",
                e_value=412.7,
                run_length_days=365,
                days=38,
                units=4810,
                alarm=day - timedelta(days=4),
                since=day - timedelta(days=16),
                until=day - timedelta(days=8),
                drop=0.061,
                error=0.018,
                missing="",
            ),
            SourceSummary(
                source="observed",
                measure="DCG@5",
                e_value=0.0,
                run_length_days=365,
                days=0,
                units=0,
                alarm=None,
                since=None,
                until=None,
                drop=None,
                error=None,
                missing="3 more matured days for the reference, then days to test",
            ),
        ),
        diagnostics={"age": "live for 45 days", "new pairs": "12,345 since it was trained"},
        next_look=f"when the day after {day - timedelta(days=8)} has matured",
    )
