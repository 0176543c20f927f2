"""`lookalike explain` from the log, before any worker has come to a listing."""

from pathlib import Path

from catalogue import catalogue, now_ms
from program import document, run
from streams.retry_headers import RetryState, requeue_headers
from streams.settings import Settings
from streams.topics import RETRY


def test_why_it_is_not_there_yet(stack: Settings, tmp_path: Path) -> None:
    """How many events are before it; once it was put back, until when it waits, and for which host."""
    with catalogue(stack, tmp_path) as quiet:
        listing = quiet.new_id()
        event = quiet.event(listing, 1, image_urls=["https://a.example.com/1.jpg?token=hidden"])
        source = quiet.publish(event)
        told = document(run(quiet.settings, "explain", listing, "--json"))
        assert "start a worker" in told["answer"]
        assert [each["version"] for each in told["events"]] == [1]
        (record,) = quiet.all_events()
        assert record.source == source
        said = RetryState(attempts=4, tries=1, not_before=now_ms() + 600_000)
        quiet.send(RETRY, listing, record.value, requeue_headers(record, said))
        told = document(run(quiet.settings, "explain", listing, "--json"))
        assert "waits in listing-retry until" in told["answer"]
        assert "after 4 attempts: its image host a.example.com is away" in told["answer"]
        assert len(told["events"]) == 2
