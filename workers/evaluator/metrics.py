"""Every metric of the evaluator, named once, with its unit and meaning."""

from prometheus_client import Counter, Gauge, Histogram

from schemas.evaluation_report import Report

_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

FIGURE = Gauge(
    "lookalike_figure", "A figure of the live model over the report's days, and its 95 % interval.", ["name", "end"]
)
REACHED = Gauge("lookalike_evaluate_reached_seconds", "The time of the newest interactions in the figures, since 1970.")
IGNORED = Gauge("lookalike_evaluate_ignored_days", "Recorded days that a wrong clock wrote; left out.")
REPORTS = Counter("lookalike_evaluate_reports", "Reports that were published.")
CLOSED = Counter("lookalike_evaluate_closed_days", "Days that were closed as evidence.")
REQUESTS = Counter("lookalike_evaluate_requests", "Retrainings that were requested.")
STAGE_SECONDS = Histogram("lookalike_evaluate_seconds", "Seconds that a stage took.", ["stage"], buckets=_SECONDS)


def set_figures(report: Report) -> None:
    """Set the figures to those of a report; what has too little evidence is gone until it has enough."""
    FIGURE.clear()
    for name, each in report.total.items():
        for end, value in (("value", each.value), ("low", each.low), ("high", each.high)):
            if value is not None:
                FIGURE.labels(name, end).set(value)
