"""Dead letters for people: counted, the newest shown, what was replayed, and what is still open."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice

from schemas.listing import ListingEvent
from schemas.order import Order
from streams.dead_letters import StoredDeadLetter, format_time, newest_dead_letters, place_of
from streams.dead_letters import read_dead_letters as all_letters
from streams.errors import BadMessage
from streams.listing_codec import decode_listing
from streams.retry_headers import first_source
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import RETRY

_BATCH = 500


@dataclass
class Found:
    """Letters that were asked for: how many, of which reasons, and the newest of them, oldest first."""

    count: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    newest: list[StoredDeadLetter] = field(default_factory=list)


def find(settings: Settings, *, reason: str | None = None, still_open: bool = False, limit: int = 20) -> Found:
    """Look the letters through; only the `limit` newest are kept in memory."""
    wanted = all_letters(settings)
    if still_open:
        wanted = open_letters(settings, newest_dead_letters(settings, lambda _: True))
    found, heap, numbers = Found(), list[tuple[int, int, StoredDeadLetter]](), count()
    for letter in wanted:
        if reason is None or letter.dead_letter.reason == reason:
            found.count += 1
            found.by_reason[letter.dead_letter.reason] += 1
            heapq.heappush(heap, (letter.record.source.timestamp, next(numbers), letter))
            if len(heap) > limit:
                heapq.heappop(heap)
    found.newest = [letter for _, _, letter in sorted(heap, key=lambda each: each[:2])]
    return found


def put_back_since(settings: Settings, shown: list[StoredDeadLetter]) -> dict[str, str]:
    """When the event of each letter was last put back after the letter was written, by the letter's place.

    `listing-retry` keeps its records for 7 days: who was put back before that is not found.
    """
    written: dict[str, int] = {}
    for letter in shown:
        written[letter.location] = max(written.get(letter.location, 0), letter.record.source.timestamp)
    keys = {letter.record.key for letter in shown}
    since: dict[str, str] = {}
    for record in read_all(settings, RETRY, keep=lambda _topic, key: key in keys) if shown else ():
        place, at = place_of(first_source(record)), record.source.timestamp
        if at >= written.get(place, at + 1):
            since[place] = max(since.get(place, ""), format_time(at))
    return since


def open_letters(settings: Settings, letters: Iterable[StoredDeadLetter]) -> Iterator[StoredDeadLetter]:
    """The letters whose listing the index does not have at the event's version or a later one.

    The collections of the model that refused the event are asked, Strong. An event that can't be read stays open:
    nobody can say what would settle it.
    """
    from workers.milvus.client import as_command_failure, connect
    from workers.milvus.collection import collection_names
    from workers.milvus.counts import newest_orders

    client, remaining = connect(settings), iter(letters)
    while batch := list(islice(remaining, _BATCH)):
        wanted = {letter.location: event for letter in batch if (event := _readable(letter)) is not None}
        by_model: dict[str, set[str]] = {}
        for letter in batch:
            if letter.location in wanted:
                by_model.setdefault(letter.dead_letter.model, set()).add(wanted[letter.location].listing_id)
        done: dict[tuple[str, str], Order] = {}
        for model, ids in by_model.items():
            with as_command_failure(settings):
                found = newest_orders(client, collection_names(settings, model), ids)
            done |= {(model, listing_id): order for listing_id, order in found.items()}
        for letter in batch:
            event = wanted.get(letter.location)
            newest = done.get((letter.dead_letter.model, event.listing_id)) if event else None
            if event is None or newest is None or newest < Order.of(event.version, letter.dead_letter.source):
                yield letter


def _readable(letter: StoredDeadLetter) -> ListingEvent | None:
    try:
        return decode_listing(letter.event)
    except BadMessage:
        return None
