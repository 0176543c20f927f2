"""The report that was published last."""

from pydantic import ValidationError

from schemas.evaluation_report import Report
from streams.event_time import not_ahead
from streams.listing_codec import Record
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import REPORTS


def last_report(settings: Settings) -> Report | None:
    """The newest report in `evaluation-reports`, of whatever model; None if there is none that can be read.

    Raises ServiceUnavailable where Kafka is away, SlowDown where it stops answering on the way.
    """
    found = filter(None, map(_report, read_all(settings, REPORTS)))
    return max(found, key=lambda each: each.at, default=None)


def _report(record: Record) -> Report | None:
    try:
        report = Report.model_validate_json(record.value or b"")
    except ValidationError:
        return None  # none of ours
    return report.model_copy(update={"at": not_ahead(report.at, record.source)})
