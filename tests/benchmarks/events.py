"""Listing events for a measurement, and the outcomes that tell when they are done."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from schemas.listing import ListingEvent
from streams.clients import reader
from streams.publish import Publisher
from streams.settings import Settings
from streams.topics import INDEXED, LISTING_PARTITIONS

from .processes import Failed


def listings(base: str, numbers: Iterable[int], *, tiny: bool = False) -> Iterator[ListingEvent]:
    """New listings, each with an address of its own on the image server; a tiny picture costs next to nothing."""
    return (_listing(number, f"{base}/{'tiny' if tiny else number}/{number}.jpg", 1, 4_200) for number in numbers)


def price_changes(before: Iterable[ListingEvent], version: int) -> list[ListingEvent]:
    """The same listings at another price."""
    return [_listing(int(each.listing_id[1:]), each.image_urls[0], version, 4_200 + version) for each in before]


def _listing(number: int, url: str, version: int, price: int) -> ListingEvent:
    return ListingEvent(
        event="listing-created" if version == 1 else "listing-updated",
        listing_id=f"m{number:06}",
        version=version,
        status="on_sale",
        title=f"Canvas sneakers {number}, hardly worn",
        category=("fashion", "shoes", "sneakers"),
        description="Bought last spring, worn twice. " * 4,
        brand="Example",
        price_minor=price,
        currency="JPY",
        seller_id=f"u{number % 997}",
        image_urls=(url,),
        attributes={"market": "JP", "size_cm": 26},
    )


def publish(settings: Settings, events: Iterable[ListingEvent]) -> float:
    """Publish `events` until all are confirmed; the seconds it took."""
    started = time.perf_counter()
    publisher = Publisher(settings)
    for event in events:
        publisher.publish(event)
    delivered = publisher.close()
    if delivered.failed:
        raise Failed(f"{delivered.failed} events were not confirmed: {delivered.errors[0]}")
    return time.perf_counter() - started


@dataclass(frozen=True)
class Told:
    """An outcome and when it was sent, in seconds since 1970."""

    at: float
    outcome: dict[str, Any]


class Outcomes:
    """Follows a catalogue's outcomes from their beginning."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = reader(settings)
        topic = settings.named(INDEXED)
        self._consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in range(LISTING_PARTITIONS)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._consumer.close()

    def next(self, count: int, seconds: float = 300) -> list[Told]:
        """The next `count` outcomes, of listings and versions not told before in this call, in the order sent."""
        found: dict[tuple[str, int], Told] = {}
        deadline = time.monotonic() + seconds
        while len(found) < count:
            if time.monotonic() > deadline:
                raise Failed(f"only {len(found)} of {count} outcomes came within {seconds:.0f} s")
            for message in self._consumer.consume(1_000, timeout=0.1):
                failure = message.error()
                if failure is None:
                    outcome = json.loads(message.value() or b"")
                    if outcome["outcome"] == "refused":
                        raise Failed(f"{outcome['listing_id']} was refused; its dead letter says why")
                    at = message.timestamp()[1] / 1_000
                    found.setdefault((outcome["listing_id"], outcome["version"]), Told(at, outcome))
                elif failure.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(failure)
        return sorted(found.values(), key=lambda each: each.at)


def rate(told: list[Told]) -> float:
    """Outcomes a second, from the first to the last."""
    return (len(told) - 1) / max(1e-3, told[-1].at - told[0].at)
