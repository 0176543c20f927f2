"""Interactions for tests: as dicts, the way a publisher writes them."""

import itertools
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from schemas.source import Source
from streams.clients import producer
from streams.settings import Settings
from streams.topic_reader import partitions
from streams.topics import INTERACTIONS

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
_events = (f"e{number}" for number in itertools.count(1))


def shelf(request: str, *, items: int = 3, at: datetime = START, **more: Any) -> dict[str, Any]:
    """A shelf of so many items, `m1` first."""
    shown = [
        {
            "listing_id": f"m{place}",
            "position": place,
            "score": 1 / place,
            "propensity": 0.5,
            "category": "a/b",
            "seller_id": "s1",
            "status": "on_sale",
            "listed_at": 1_763_856_000_000_000,
        }
        for place in range(1, items + 1)
    ]
    said = {"event": "shelf", "request_id": request, "at": at.isoformat(), "query": "m99", "items": shown}
    return said | {"model": "small@0", "user": "u" * 64, "surface": "item", "drawn": "swap"} | more


def seen(request: str, *, at: datetime = START, **more: Any) -> dict[str, Any]:
    """The first two places were visible."""
    return {
        "event": "seen",
        "request_id": request,
        "at": at.isoformat(),
        "event_id": next(_events),
        "positions": [1, 2],
    } | more


def action(event: str, request: str, *, at: datetime = START, **more: Any) -> dict[str, Any]:
    """A click, like, purchase or cancel of `m1`."""
    said = {"event": event, "request_id": request, "at": at.isoformat(), "event_id": next(_events)}
    return said | {"listing_id": "m1"} | more


def session(request: str, *, at: datetime = START, **more: Any) -> list[dict[str, Any]]:
    """A shelf, what was seen of it, a click and a purchase a day later."""
    return [
        shelf(request, at=at, **more),
        seen(request, at=at),
        action("click", request, at=at),
        action("purchase", request, at=at + timedelta(days=1)),
    ]


def send(settings: Settings, values: Iterable[dict[str, Any] | bytes | None], **more: Any) -> list[Source]:
    """Publish records, keyed by request id; where each came to lie, in the order given."""
    client, places = producer(settings), dict[int, Source]()

    def confirmed(error: Any, message: Any, number: int) -> None:
        assert error is None, error
        places[number] = Source(
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
            timestamp=message.timestamp()[1],
        )

    for number, value in enumerate(values):
        key = value["request_id"] if isinstance(value, dict) else f"bad{number}"
        raw = json.dumps(value).encode() if isinstance(value, dict) else value
        # The record is as old as what it says, as if it had been published then.
        told = (
            {"timestamp": int(datetime.fromisoformat(value["at"]).timestamp() * 1_000)}
            if isinstance(value, dict)
            else {}
        )
        client.produce(
            settings.named(INTERACTIONS),
            raw,
            key,
            on_delivery=partial(confirmed, number=number),
            **(told | more),
        )
    assert client.flush(30) == 0
    return [places[number] for number in sorted(places)]


def _milliseconds(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1_000)


def all_partitions(settings: Settings, client: Any) -> list[int]:
    """The partitions of the topic."""
    return [partition for _, partition in partitions(client, settings, [INTERACTIONS])]
