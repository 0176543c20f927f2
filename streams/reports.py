"""The report that was published last."""

from schemas.report import Report
from streams.read import read_all
from streams.settings import Settings
from streams.topics import REPORTS


def last_report(settings: Settings) -> Report | None:
    """The newest report in `evaluation-reports`, of whatever model; None where there is none.

    Raises CommandFailed (exit 3) where Kafka is away, SlowDown where it stops answering on the way.
    """
    found = (Report.model_validate_json(record.value) for record in read_all(settings, REPORTS) if record.value)
    return max(found, key=lambda each: each.at, default=None)
