"""What is the state of everything, and of one listing: read from the broker and the store, told as plain values."""

from typing import Any

from confluent_kafka import KafkaException

from schemas.outcome import Outcome
from schemas.source import Source
from streams.clients import await_kafka
from streams.codec import Record, decode_listing
from streams.dead_letters import by_reason, letters
from streams.failures import BadMessage, CommandFailed, SlowDown
from streams.lag import lag, our_groups
from streams.read import read_all
from streams.settings import Settings
from streams.topics import CREATED, INDEXED, RETRY, UPDATED
from workers.vectors.census import known_listing, rows_by_status, tombstones
from workers.vectors.client import answering, connect
from workers.vectors.collection import live


def overview(settings: Settings) -> dict[str, Any]:
    """The fields of `lookalike status --json`; what can't be asked is None, and named in `down`."""
    found: dict[str, Any] = {
        "model": None, "collection": None, "rows": None, "tombstones": None, "lag": None, "workers": None,
        "dead_letters": None, "dead_letters_by_reason": None, "down": [],
    }  # fmt: skip
    for part in (_from_milvus, _from_kafka):
        try:
            found |= part(settings)
        except (CommandFailed, SlowDown, KafkaException) as away:
            found["down"].append(str(away))
    return found


def _from_milvus(settings: Settings) -> dict[str, Any]:
    with answering(settings):
        client = connect(settings)
        current = live(client, settings)
        if current is None:
            return {}
        return {
            "model": current.model_id, "collection": current.listings,
            "rows": rows_by_status(client, current), "tombstones": tombstones(client, current),
        }  # fmt: skip


def _from_kafka(settings: Settings) -> dict[str, Any]:
    client = await_kafka(settings, 5.0)
    groups = our_groups(client, settings)
    index_groups = [group for group in groups if group.startswith(settings.named("lookalike-index-"))]
    described = client.describe_consumer_groups(index_groups) if index_groups else {}
    found = list(letters(settings))
    return {
        "lag": sum(each.lag for each in lag(settings, groups)),
        "workers": sum(len(done.result().members) for done in described.values()),
        "dead_letters": len(found),
        "dead_letters_by_reason": by_reason(found),
    }


def explanation(settings: Settings, listing_id: str) -> dict[str, Any]:
    """Everything that the log and the store say of a listing, and one sentence that draws the conclusion."""
    key = listing_id.encode()
    events, outcomes = [], []
    told = [each for each in read_all(settings, CREATED, UPDATED, RETRY, INDEXED) if each.key == key]
    for record in sorted(told, key=lambda each: each.source.order):
        if record.source.topic == settings.named(INDEXED):
            outcomes.append(_outcome(record))
        else:
            events.append(_event(record))
    dead = [each.row() for each in letters(settings) if each.record.key == key]
    with answering(settings):
        client = connect(settings)
        current = live(client, settings)
        known = known_listing(client, current, listing_id) if current else None
    row = dict(known.row or {}) if known else {}
    grave = {name: value for name, value in (known.tombstone or {}).items() if name != "nothing"} if known else {}
    found: dict[str, Any] = {
        "listing_id": listing_id, "events": events, "outcome": outcomes[-1]["outcome"] if outcomes else None,
        "outcomes": outcomes, "row": row or None, "tombstone": grave or None, "dead_letters": dead,
    }  # fmt: skip
    return {"answer": _conclusion(found), **found}


def _event(record: Record) -> dict[str, Any]:
    place = _place(record.source)
    try:
        event = decode_listing(record)
    except BadMessage as bad:
        return {"place": place, "version": None, "status": str(bad), "title": ""}
    return {"place": place, "version": event.version, "status": event.status, "title": event.title}


def _outcome(record: Record) -> dict[str, Any]:
    outcome = Outcome.model_validate_json(record.value or b"")
    return {
        "version": outcome.version, "outcome": outcome.outcome, "model": outcome.model, "encoded": outcome.encoded,
        "source": _place(outcome.source), "event_to_visible_ms": outcome.event_to_visible_ms,
        "stages_ms": outcome.stages_ms.model_dump(),
    }  # fmt: skip


def _place(source: Source) -> str:
    return f"{source.topic}:{source.partition}:{source.offset}"


def _conclusion(found: dict[str, Any]) -> str:
    versions = [event["version"] for event in found["events"] if event["version"] is not None]
    newest = max(versions, default=None)
    row, grave, dead = found["row"], found["tombstone"], found["dead_letters"]
    kept = row or grave
    if kept is None and not found["events"]:
        return f"{found['listing_id']} is unknown: no event of it was published, and it has no row."
    if newest is not None and (kept is None or kept["version"] < newest):
        if dead:
            return f"Its newest event (version {newest}) is a dead letter: {dead[-1]['reason']}, {dead[-1]['error']}."
        return f"Its newest event (version {newest}) has not been worked off yet; see `lookalike lag`."
    if row and (not grave or grave["version"] < row["version"]):
        shown = "shown" if row["status"] == "on_sale" else "shown only with --include-sold"
        return f"It is in the index at version {row['version']}, {row['status']}: {shown}."
    return f"It is not in the index: {grave['status']} at version {grave['version']}."
