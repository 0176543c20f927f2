"""Dead letters for people: counted, the newest shown, when they were replayed, and which are still open."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice

from schemas.listing import ListingEvent
from schemas.order import Order
from streams.dead_letters import StoredDeadLetter, format_time, newest_dead_letters, place_of, read_dead_letters
from streams.errors import BadMessage
from streams.listing_codec import decode_listing
from streams.retry_headers import first_source
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import RETRY

_BATCH = 500
"""Dead letters that are compared with the index at a time."""


@dataclass
class Found:
    """The dead letters that match: how many, of which reasons, and the newest of them, oldest first."""

    count: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    newest: list[StoredDeadLetter] = field(default_factory=list)


def find_dead_letters(
    settings: Settings, *, reason: str | None = None, still_open: bool = False, limit: int = 20
) -> Found:
    """Read all dead letters; only the `limit` newest that match stay in memory."""
    candidates = read_dead_letters(settings)
    if still_open:
        candidates = open_dead_letters(settings, newest_dead_letters(settings, lambda _: True))
    found, heap, numbers = Found(), list[tuple[int, int, StoredDeadLetter]](), count()
    for each in candidates:
        if reason is None or each.dead_letter.reason == reason:
            found.count += 1
            found.by_reason[each.dead_letter.reason] += 1
            heapq.heappush(heap, (each.record.source.timestamp, next(numbers), each))
            if len(heap) > limit:
                heapq.heappop(heap)
    found.newest = [dead_letter for _, _, dead_letter in sorted(heap, key=lambda entry: entry[:2])]
    return found


def replayed_since(settings: Settings, dead_letters: list[StoredDeadLetter]) -> dict[str, str]:
    """When the event of each dead letter was last replayed after the dead letter was written, by its first source.

    `listing-retry` retains its records for 7 days: a replay before that is not found.
    """
    written: dict[str, int] = {}
    for each in dead_letters:
        written[each.location] = max(written.get(each.location, 0), each.record.source.timestamp)
    keys = {each.record.key for each in dead_letters}
    since: dict[str, str] = {}
    for record in read_all(settings, RETRY, keep=lambda _topic, key: key in keys) if dead_letters else ():
        source, at = place_of(first_source(record)), record.source.timestamp
        if at >= written.get(source, at + 1):
            since[source] = max(since.get(source, ""), format_time(at))
    return since


def open_dead_letters(settings: Settings, dead_letters: Iterable[StoredDeadLetter]) -> Iterator[StoredDeadLetter]:
    """The dead letters whose listing the index does not have at the event's version or a later one.

    The collections of the model that refused the event are queried, Strong. An event that can't be read stays open:
    nobody can say what would settle it.
    """
    from workers.milvus.client import as_command_failure, connect
    from workers.milvus.collection import collection_names
    from workers.milvus.counts import newest_orders

    client, remaining = connect(settings), iter(dead_letters)

    def newest_of(model: str, listing_ids: set[str]) -> dict[str, Order]:
        with as_command_failure(settings):
            return newest_orders(client, collection_names(settings, model), listing_ids)

    while batch := list(islice(remaining, _BATCH)):
        yield from _not_newer(batch, newest_of)


def _not_newer(
    batch: list[StoredDeadLetter], newest_of: Callable[[str, set[str]], dict[str, Order]]
) -> Iterator[StoredDeadLetter]:
    """Those of `batch` for which `newest_of`, by model and listing ids, has nothing as new as their event."""
    events = {each.location: event for each in batch if (event := _event(each)) is not None}
    listing_ids: dict[str, set[str]] = {}
    for each in batch:
        if each.location in events:
            listing_ids.setdefault(each.dead_letter.model, set()).add(events[each.location].listing_id)
    newest = {model: newest_of(model, ids) for model, ids in listing_ids.items()}
    for each in batch:
        event = events.get(each.location)
        order = newest[each.dead_letter.model].get(event.listing_id) if event else None
        if event is None or order is None or order < Order.of(event.version, each.dead_letter.source):
            yield each


def _event(dead_letter: StoredDeadLetter) -> ListingEvent | None:
    try:
        return decode_listing(dead_letter.event)
    except BadMessage:
        return None
