"""A takedown is an entry that everything reads; its undoing asks for the newest events of what it covered again."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from schemas.takedown import Kind, Takedown
from streams.errors import LookalikeError
from streams.history import newest_events
from streams.listing_codec import decode_listing
from streams.publish import Publisher
from streams.retry_headers import RetryState, retry_state
from streams.settings import Settings
from streams.takedowns import Takedowns, read_takedowns, write_takedowns


def take_down(settings: Settings, kind: Kind, value: str, reason: str) -> Takedown:
    """Take down a listing, a seller or a picture; returns the entry once Kafka has confirmed it. Safe to repeat."""
    entry = Takedown(kind=kind, value=value, at=datetime.now(UTC), reason=reason)
    write_takedowns(settings, [(entry.key, entry)])
    return entry


def undo(settings: Settings, kind: Kind, value: str) -> int:
    """Undo a takedown, and put back the newest event of each listing that it alone covered; returns how many.

    Safe to repeat, also where it was undone before: then its events are put back again. Raises ServiceUnavailable where
    Kafka or Milvus is away, LookalikeError where an event was not confirmed.
    """
    write_takedowns(settings, [(f"{kind}:{value}", None)])
    listing_ids = {value} if kind == "listing" else set(_taken_down(settings))
    left = read_takedowns(settings)
    publisher, count = Publisher(settings), 0
    for record in newest_events(settings, listing_ids).values():
        event = decode_listing(record)
        other_seller = kind == "seller" and event.seller_id != value
        if event.status == "removed" or other_seller or _hidden(left, event.listing_id, event.seller_id, event.version):
            continue
        publisher.requeue(record, RetryState(attempts=retry_state(record).attempts))
        count += 1
    delivered = publisher.close()
    if delivered.failed:
        raise LookalikeError(f"{delivered.failed} events were not put back ({delivered.errors[0]}); undo it again")
    return count


def _hidden(left: Takedowns, listing_id: str, seller_id: str, version: int) -> bool:
    return left.covers(listing_id, seller_id) or left.is_erased(listing_id, version)


def _taken_down(settings: Settings) -> Iterator[str]:
    """The listings whose tombstone says that they were taken down, in any collection of ours."""
    from workers.milvus.client import as_command_failure, connect
    from workers.milvus.collection import all_models
    from workers.milvus.takedown_rows import taken_down

    with as_command_failure(settings):
        client = connect(settings)
        for collections in all_models(client, settings):
            yield from taken_down(client, collections.tombstones)


def listed(entries: Iterable[Takedown]) -> list[dict[str, str]]:
    """Takedowns as `lookalike takedown --list --json` shows them; what was erased is not among them."""
    return [
        {"kind": each.kind, "value": each.value, "at": each.at.isoformat(timespec="seconds"), "reason": each.reason}
        for each in entries
        if each.kind != "erased"
    ]
