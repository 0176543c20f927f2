"""Publishing interactions through a queue that is full: `publish` waits, `offer` never does."""

from datetime import UTC, datetime

from schemas.interaction import Click, Event
from streams.interactions import InteractionPublisher
from streams.settings import Settings


def click(number: int) -> Event:
    """A click on an item of a shelf."""
    at = datetime(2026, 11, 1, tzinfo=UTC)
    return Click(request_id=f"{number:032x}", event_id=f"e{number}", listing_id="m1", at=at)


def test_publish_waits_for_room() -> None:
    """Twenty events through a queue of one are all delivered."""
    brokers = Settings(kafka="127.0.0.1:1", kafka_config={"test.mock.num.brokers": "1"})
    publisher = InteractionPublisher(brokers, queue_buffering_max_messages=1)
    for number in range(20):
        publisher.publish(click(number))
    assert (publisher.close().published, publisher.delivered.failed) == (20, 0)


def test_offer_refuses_when_the_queue_is_full() -> None:
    """What it refuses is counted nowhere, and the confirmation of it is never called."""
    reports: list[str] = []
    publisher = InteractionPublisher(
        Settings(kafka="127.0.0.1:1"), delivery_seconds=0.5, queue_buffering_max_messages=1
    )
    assert publisher.offer(click(1), reports.append)
    assert not publisher.offer(click(2), reports.append)
    assert publisher.close(10).failed == 1
    assert len(reports) == 1
