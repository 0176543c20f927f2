"""Reports on their way to `evaluation-reports`: the last of each model, by its id."""

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.evaluation_report import Report
from streams.clients import producer
from streams.errors import SlowDown
from streams.refusals import delivery_failure
from streams.settings import Settings
from streams.topics import REPORTS

SECONDS = 20.0
MAX_SLICES = 500
"""So many slices at most, the largest first: a report of ten thousand categories is for `lookalike evaluate`."""


class ReportPublisher:
    """Publishes what has changed."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.named(REPORTS)
        self._producer: Producer = producer(settings, delivery_timeout_ms=int(SECONDS * 1_000))
        self._last: Report | None = None

    def publish(self, report: Report) -> bool:
        """Publish a report, confirmed; False where it says what the last one said.

        Raises SlowDown where it can't, Broken where Kafka will never take it.
        """
        if self._last is not None and report == self._last.model_copy(update={"at": report.at}):
            return False
        failed: list[KafkaError] = []
        try:
            self._producer.produce(
                self._topic,
                limit_slices(report).model_dump_json(exclude_none=True).encode(),
                report.model or "",
                on_delivery=lambda error, _message: failed.append(error) if error else None,
            )
        except KafkaException as error:
            raise delivery_failure(self._topic, error.args[0]) from None
        left = self._producer.flush(SECONDS + 1)
        if failed:
            raise delivery_failure(self._topic, failed[0])
        if left:
            raise SlowDown(f"Kafka has not confirmed a record of {self._topic}: no answer")
        self._last = report
        return True


def limit_slices(report: Report) -> Report:
    """A report that fits into a record: of its slices the largest."""
    if len(report.slices) <= MAX_SLICES:
        return report
    size = {each: max((shown.shelves for shown in each.figures.values()), default=0) for each in report.slices}
    kept = sorted(report.slices, key=lambda each: -size[each])[:MAX_SLICES]
    return report.model_copy(update={"slices": tuple(kept)})
