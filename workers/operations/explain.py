"""Why is a listing in the index, or not? Everything that the log and the store say of it, and one conclusion.

Whole topics are read, not only the partition of the listing's key: a publisher with another partitioner puts it on
another. So the store is asked in a thread while Kafka answers, and of the records only the listing's own are looked at.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from schemas.listing import ListingEvent
from schemas.order import Order
from schemas.outcome import Outcome
from schemas.source import Source
from streams.dead_letters import parse_dead_letter, place_of
from streams.errors import BadMessage
from streams.groups import index_group
from streams.keyed_hash import read_hash_key
from streams.lag import committed_offsets
from streams.listing_codec import Record, decode_listing
from streams.retry_headers import first_source, retry_state
from streams.settings import Settings
from streams.takedowns import Takedowns
from streams.topic_reader import read_all
from streams.topics import CREATED, DEAD_LETTER, INDEXED, RETRY, TAKEDOWN, UPDATED
from workers.operations.explain_conclusion import Event, Found, conclusion

if TYPE_CHECKING:
    from workers.milvus.row import Known


def explanation(settings: Settings, listing_id: str) -> dict[str, Any]:
    """The fields of `lookalike explain --json`. Raises ServiceUnavailable where Kafka or Milvus is away."""
    with ThreadPoolExecutor(1, "explain") as pool:
        stored = pool.submit(_stored, settings, listing_id)
        found = _from_log(settings, listing_id)
        found.model, known = stored.result()
    _add_stored(found, known)
    newest = found.newest
    if newest is not None and found.model and (found.stored is None or found.stored < (newest.order or ())):
        found.before = _events_before(settings, found.model, newest.record.source)
    return {
        "answer": conclusion(found, now=datetime.now(UTC)),
        "listing_id": listing_id,
        "events": [each.document() for each in found.events],
        "outcome": found.outcomes[-1][1].outcome if found.outcomes else None,
        "outcomes": [_outcome_document(each) for _, each in found.outcomes],
        "row": found.row,
        "tombstone": found.tombstone,
        "dead_letters": [each.row() for each in found.letters],
        "events_before": found.before,
    }


def _from_log(settings: Settings, listing_id: str) -> Found:
    found, key = Found(listing_id, Takedowns(lambda: read_hash_key(settings))), listing_id.encode()
    takedowns = settings.named(TAKEDOWN)
    topics = (TAKEDOWN, CREATED, UPDATED, RETRY, INDEXED, DEAD_LETTER)
    told = list(read_all(settings, *topics, keep=lambda topic, each: each == key or topic == takedowns))
    for record in told:
        if record.source.topic == takedowns:
            found.hidden.apply(record)
    for record in sorted(told, key=lambda each: Order.of(0, each.source)):
        if record.source.topic == takedowns:
            continue
        if record.source.topic == settings.named(INDEXED):
            found.outcomes += [(record, outcome)] if (outcome := _outcome(record)) is not None else []
        elif record.source.topic == settings.named(DEAD_LETTER):
            letter = parse_dead_letter(record)
            found.letters += [letter] if letter is not None else []
        else:
            found.events.append(_event(record, retried=record.source.topic == settings.named(RETRY)))
    _forget_erased(found)
    return found


def _outcome(record: Record) -> Outcome | None:
    try:
        return Outcome.model_validate_json(record.value or b"")
    except ValidationError:
        return None  # written by somebody else


def _forget_erased(found: Found) -> None:
    """Leave out what is of an erased version: it is in the log for some time still, and shown to nobody."""
    hidden, listing_id = found.hidden, found.listing_id
    if hidden.erasure(listing_id) is None:
        return

    def erased(record: Record, event: ListingEvent | None) -> bool:
        return hidden.erased_record(record) if event is None else hidden.is_erased(listing_id, event.version)

    found.events = [each for each in found.events if not erased(each.record, each.event)]
    found.outcomes = [each for each in found.outcomes if not hidden.is_erased(listing_id, each[1].version)]
    found.letters = [each for each in found.letters if not erased(each.event, _event(each.event, retried=False).event)]


def _event(record: Record, *, retried: bool) -> Event:
    event, error = None, ""
    try:
        event = decode_listing(record)
    except BadMessage as bad:
        error = str(bad)
    return Event(record, first_source(record), event, error, retry_state(record) if retried else None)


def _stored(settings: Settings, listing_id: str) -> tuple[str | None, "Known | None"]:
    """The live model and what its collections have; pymilvus is imported here, while Kafka answers."""
    from workers.milvus.client import as_command_failure, connect
    from workers.milvus.collection import live
    from workers.milvus.counts import known_listing

    with as_command_failure(settings):
        client = connect(settings)
        current = live(client, settings)
        return (current.model_id, known_listing(client, current, listing_id)) if current else (None, None)


def _add_stored(found: Found, known: "Known | None") -> None:
    if known is None:
        return
    found.row = dict(known.row) if known.row else None
    grave = {name: value for name, value in (known.tombstone or {}).items() if name != "nothing"}
    found.tombstone = grave or None
    found.stored = max(filter(None, (known.row_order, known.tombstone_order)), default=None)


def _events_before(settings: Settings, model: str, source: Source) -> int | None:
    """How many places of the log the live model's workers have to pass before `source`; None where they are past it."""
    group = index_group(settings, model.rpartition("@")[2])
    place = (source.topic, source.partition)
    committed = committed_offsets(settings, group, [place]).get(place, 0)
    return source.offset - committed if committed <= source.offset else None


def _outcome_document(outcome: Outcome) -> dict[str, Any]:
    return {
        "version": outcome.version,
        "outcome": outcome.outcome,
        "model": outcome.model,
        "encoded": outcome.encoded,
        "source": place_of(outcome.source),
        "event_to_visible_ms": outcome.event_to_visible_ms,
        "stages_ms": outcome.stages_ms.model_dump(),
    }
