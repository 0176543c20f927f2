"""Erasing a listing: afterwards nothing of it is left but a keyed hash and a version.

The entry comes first: from then on whatever reads an event of the listing up to that version lets it go without a
word. Then nulls, so that the log is compacted and workers delete what they have; then this process deletes it as well,
for some collections have no worker. Last it looks whether it is gone, and again a moment later.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.takedown import Takedown
from streams.errors import NotFound
from streams.hash_key_pin import catalogue_key
from streams.keyed_hash import HashKey
from streams.publish import Publisher
from streams.settings import Settings
from streams.takedowns import Takedowns, read_takedowns, write_takedowns
from streams.topics import CREATED, UPDATED
from workers.milvus.client import as_command_failure, connect
from workers.milvus.collection import all_models
from workers.milvus.row import Known
from workers.milvus.store import Store
from workers.operations.erasure_traces import Traces, expiries, traces_of

LOOK_SECONDS = 2.0
"""Between two looks whether all is gone: a worker that had not read the entry has read it by then."""


def erase(settings: Settings, listing_id: str, *, seconds: float) -> dict[str, Any]:
    """Erase a listing and return the receipt: the fields of `lookalike erase --json`.

    Looks for `seconds`, twice at least, and deletes again what comes back meanwhile. Raises NotFound for a
    listing that nobody knows, UsageError for another hash key than the catalogue's, ServiceUnavailable if Kafka or
    Milvus is unavailable.
    """
    key = catalogue_key(settings, make=True)  # first of all: with another key nothing may be written
    hidden, traces = read_takedowns(settings), traces_of(settings, listing_id)
    with as_command_failure(settings):
        client = connect(settings)
        stores = [Store(client, each) for each in all_models(client, settings)]
        version = max(
            traces.version, _erased_before(hidden, listing_id), *map(_version, _known(stores, listing_id)), -1
        )
        if version < 0 and not traces.records:
            raise NotFound(f"{listing_id} is unknown: no topic and no collection has anything of it")
        entry = _entry(key, listing_id, max(version, 0))
        write_takedowns(settings, [(entry.key, entry)])
        _publish_nulls(settings, listing_id, entry, traces)
        gone = _delete_and_look(stores, listing_id, entry, seconds)
    return {
        "listing_id": listing_id,
        "erased": all(gone.values()),
        "version": entry.version,
        "hash": entry.value,
        "key_id": entry.key_id,
        "at": entry.at.isoformat(timespec="seconds"),
        "collections": [{"name": name, "gone": each} for name, each in gone.items()],
        "expires": expiries(settings, traces_of(settings, listing_id)),
    }


def _erased_before(hidden: Takedowns, listing_id: str) -> int:
    entry = hidden.erasure(listing_id)
    return -1 if entry is None or entry.version is None else entry.version


def _known(stores: Sequence[Store], listing_id: str) -> list[Known]:
    return [store.known([listing_id])[listing_id] for store in stores]


def _version(known: Known) -> int:
    return max([each["version"] for each in (known.row, known.tombstone) if each is not None], default=-1)


def _entry(key: HashKey, listing_id: str, version: int) -> Takedown:
    now = datetime.now(UTC)
    return Takedown(kind="erased", value=key.of(listing_id), at=now, version=version, key_id=key.key_id)


def _publish_nulls(settings: Settings, listing_id: str, entry: Takedown, traces: Traces) -> None:
    """A null on each partition that has, or would get, an event of the listing: compaction knows no other place."""
    publisher = Publisher(settings)
    for topic in (CREATED, UPDATED):
        publisher.erase(topic, listing_id, entry.version or 0, traces.partitions(topic))
    delivered = publisher.close()
    if delivered.failed:
        why = f"{delivered.failed} nulls were not confirmed ({delivered.errors[0]}); erase it again"
        raise delivered.failure(why)


def _delete_and_look(stores: Sequence[Store], listing_id: str, entry: Takedown, seconds: float) -> dict[str, bool]:
    """Delete from every collection until two looks in a row, a moment apart, find nothing; which are clean at last."""
    deadline, clean = time.monotonic() + seconds, 0
    while True:
        left = {}
        for store, known in zip(stores, _known(stores, listing_id), strict=True):
            for name, kept in (
                (store.collections.listings, known.row),
                (store.collections.tombstones, known.tombstone),
            ):
                left[name] = kept is not None and kept["version"] <= (entry.version or 0)
            if left[store.collections.listings]:
                store.delete_rows([listing_id])
            if left[store.collections.tombstones]:
                store.delete_tombstones([listing_id])
        clean = 0 if any(left.values()) else clean + 1
        if clean == 2 or (clean == 0 and time.monotonic() > deadline):
            return {name: not there for name, there in left.items()}
        time.sleep(LOOK_SECONDS if clean else 0.2)
