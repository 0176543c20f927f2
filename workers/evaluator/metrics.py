"""Every metric of the evaluator, named once, with its unit and meaning."""

import math
from datetime import UTC, datetime

from prometheus_client import Counter, Gauge, Histogram

from schemas.evaluation_report import Report
from workers.decision.verdict import VerdictAge

_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

FIGURE = Gauge(
    "lookalike_figure", "A figure of the live model over the report's days, and its 95 % interval.", ["name", "end"]
)
REACHED = Gauge("lookalike_evaluate_reached_seconds", "The time of the newest interactions in the figures, since 1970.")
IGNORED = Gauge("lookalike_evaluate_ignored_days", "Recorded days that a wrong clock wrote; left out.")
REPORTS = Counter("lookalike_evaluate_reports", "Reports that were published.")
CLOSED = Counter("lookalike_evaluate_closed_days", "Days that were closed as evidence.")
REQUESTS = Counter("lookalike_evaluate_requests", "Retrainings that were requested.")
DIAGNOSTICS_FAILED = Counter(
    "lookalike_evaluate_diagnostics_failed", "Diagnostics of the decision that failed, so are not known.", ["name"]
)
ROUNDS_FAILED = Counter("lookalike_decision_failed", "Decision rounds that ended with an unexpected error.")
VERDICT_AS_OF = Gauge(
    "lookalike_decision_as_of_seconds", "The last day of evidence that the verdict is of, since 1970; 0 without one."
)
VERDICT_BEHIND = Gauge(
    "lookalike_decision_behind_days", "Days from the verdict's last day to the records' last one; nan if not known."
)
STAGE_SECONDS = Histogram("lookalike_evaluate_seconds", "Seconds that a stage took.", ["stage"], buckets=_SECONDS)


def set_verdict_age(age: VerdictAge) -> None:
    """Set the age of the last verdict."""
    as_of = age.as_of
    VERDICT_AS_OF.set(0 if as_of is None else datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC).timestamp())
    VERDICT_BEHIND.set(math.nan if age.behind_days is None else age.behind_days)


def set_figures(report: Report) -> None:
    """Set the figures to those of a report; what has too little evidence is gone until it has enough."""
    FIGURE.clear()
    for name, each in report.total.items():
        for end, value in (("value", each.value), ("low", each.low), ("high", each.high)):
            if value is not None:
                FIGURE.labels(name, end).set(value)
