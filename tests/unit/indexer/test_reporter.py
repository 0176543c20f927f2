"""An event is finished when Kafka has confirmed what became of it, and not before."""

from collections.abc import Callable

import pytest

from awaiting import eventually
from changes import change
from streams.errors import BadMessage
from streams.keyed_hash import HashKey
from streams.settings import Settings
from streams.takedowns import Takedowns
from workers.images.circuit_breaker import HostUnavailable
from workers.indexer.availability import Availability
from workers.indexer.pending_event import PendingEvent
from workers.indexer.reporter import Reporter

End = Callable[[Reporter, PendingEvent], None]


@pytest.mark.parametrize(
    "end",
    [
        lambda reporter, it: reporter.outcome(it, "indexed", encoded=True),
        lambda reporter, it: reporter.outcome(it, "superseded"),
        lambda reporter, it: reporter.dead_letter(it.received, BadMessage("schema", "no title")),
        lambda reporter, it: reporter.dead_letter(it.received, BadMessage("image-missing", "404"), it),
        lambda reporter, it: reporter.requeue(it, HostUnavailable("no answer", attempts=1)),
    ],
    ids=["indexed", "superseded", "a dead letter of a record", "a dead letter of an event", "put back"],
)
def test_an_event_is_finished_by_kafkas_confirmation(end: End) -> None:
    """However it ends; librdkafka's own broker takes the records, and says so only when it is asked."""
    reporter = Reporter(
        Settings(kafka="127.0.0.1:1", kafka_config={"test.mock.num.brokers": "1"}),
        "m@0",
        Takedowns(lambda: HashKey("k")),
        availability=Availability(),
    )
    waiting = change()
    end(reporter, waiting)
    assert waiting.received.watermark.committable in (None, 0)

    def confirmed() -> bool:
        reporter.step()
        return waiting.received.watermark.committable == 1

    eventually(confirmed, "Kafka has confirmed it, and its offset may be committed")
