"""Erasure in the files: a user's shelves and all that points to them are removed, a listing's id becomes its hash.

First it is written down that they are forgotten, with every recorder at rest for that moment: a batch is put in place
before it, and is looked through below, or after it, and honours it. Then each file that has something of them is
written anew and takes the old one's place under the same name, so the offsets it answers for stay done.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types
from confluent_kafka.admin import ConfigResource, ResourceType

from streams.clients import await_kafka
from streams.errors import LookalikeError
from streams.hash_key_pin import catalogue_key
from streams.interactions import pseudonym
from streams.keyed_hash import HashKey
from streams.settings import Settings
from streams.topics import INTERACTION_DEAD_LETTER, INTERACTIONS
from workers.interactions.damaged_files import describe_damage, find_damaged_files
from workers.interactions.erasure_list import (
    Erasures,
    apply_erasures,
    read_erasures,
    record_erased_requests,
    record_erasure,
)
from workers.interactions.layout import data_files, interactions_folder
from workers.interactions.locks import DAYS, REWRITE, hold_lock
from workers.interactions.schema import COLUMNS
from workers.interactions.staging import Staging, recover, write_file
from workers.process import atomic_write


def erase_user(settings: Settings, user_id: str) -> dict[str, Any]:
    """Remove all of a user from the files and keep a keyed hash that stops more; returns the receipt.

    The fields of `lookalike erase --user --json`. Safe to repeat: it also removes what had come before its shelf did.
    Raises UsageError without the catalogue's hash key, ServiceUnavailable where Kafka is away.
    """
    key, at = catalogue_key(settings), datetime.now(UTC)
    until, folder, value = _gone_by(settings, at), interactions_folder(settings), pseudonym(key, user_id)
    folder.mkdir(parents=True, exist_ok=True)
    _remember(folder, "user", value, key, at)
    with hold_lock(folder, REWRITE):
        shelves = _found(folder, pl.col("user") == value).filter(pl.col("event") == "shelf")
        with hold_lock(folder, DAYS):
            record_erased_requests(folder, shelves["request_id"], max(until.values()).date() + timedelta(days=1))
        forgotten = read_erasures(folder, lambda: key, at.date())
        of_user = Erasures(frozenset({value}), forgotten.requests)
        files = _rewrite(
            folder, of_user, (pl.col("user") == value) | pl.col("request_id").is_in(sorted(of_user.requests))
        )
    return _receipt(value, key, at, files, until) | {"shelves": shelves.height}


def erase_listing(settings: Settings, listing_id: str) -> dict[str, Any]:
    """Put the keyed hash in place of a listing's id, in all that was recorded of it so far; returns the receipt.

    Places and counts stay as they were. A listing of that id that comes later is a new one. Raises as `erase_user`.
    """
    key, at = catalogue_key(settings), datetime.now(UTC)
    until, folder, value = _gone_by(settings, at), interactions_folder(settings), key.of(listing_id)
    folder.mkdir(parents=True, exist_ok=True)
    _remember(folder, "listing", value, key, at)
    with hold_lock(folder, REWRITE):
        shown = pl.col("items").list.eval(pl.element().struct.field("listing_id") == listing_id).list.any()
        wanted = (pl.col("listing_id") == listing_id) | (pl.col("query") == listing_id) | shown
        stamp = read_erasures(folder, lambda: key, at.date()).listings[value]
        files = _rewrite(folder, Erasures(listings={value: stamp}, key=key), wanted)
    return _receipt(value, key, at, files, until)


def _remember(folder: Path, kind: Literal["user", "listing"], value: str, key: HashKey, at: datetime) -> None:
    """Every batch that is put in place after this honours it; every other is in place, or is placed here."""
    with hold_lock(folder, DAYS):
        record_erasure(folder, kind, value, key.key_id, at)
    recover(folder)


def _found(folder: Path, wanted: pl.Expr) -> pl.DataFrame:
    """Event, request id and file of the rows that are wanted."""
    if broken := describe_damage(find_damaged_files(folder)):
        raise LookalikeError(f"{broken}; nothing was erased from the files: ask again")
    paths = [each.path for each in data_files(folder)]
    if not paths:
        return pl.DataFrame(schema={"event": pl.String, "request_id": pl.String, "file": pl.String})
    frame = pl.scan_parquet(paths, hive_partitioning=False, glob=False, include_file_paths="file")
    return frame.filter(wanted.fill_null(value=False)).select("event", "request_id", "file").collect()


def _rewrite(folder: Path, forgotten: Erasures, wanted: pl.Expr) -> list[dict[str, Any]]:
    """Write the files anew that have wanted rows; which they are, and how many rows were removed or changed."""
    told, staging = list[dict[str, Any]](), Staging.create(folder)
    try:
        for name in _found(folder, wanted)["file"].unique().sort():
            path = Path(name)
            applied = apply_erasures(pq.ParquetFile(path).read(columns=COLUMNS.names).cast(COLUMNS), forgotten)
            new = staging.path / path.name
            write_file(new, applied.rows)
            replace_file(new, path)
            told.append({"file": str(path.relative_to(folder)), "removed": applied.removed, "renamed": applied.renamed})
    finally:
        staging.close()
    return told


def replace_file(new: Path, path: Path) -> None:
    """One step: whoever opens the file gets the old rows or the new."""
    atomic_write.replace(new, path, durable=True)


def _gone_by(settings: Settings, at: datetime) -> dict[str, datetime]:
    """When the topics will have let go of the last record that was published by now."""
    topics = [settings.named(INTERACTIONS), settings.named(INTERACTION_DEAD_LETTER)]
    resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    client = await_kafka(settings)  # kept: without it nobody completes what was asked
    described = client.describe_configs(resources)
    return {resource.name: at + _kept(done.result(10)) for resource, done in described.items()}


def _kept(config: dict[str, Any]) -> timedelta:
    # Kafka drops whole segments: the last record goes when its segment is closed and old enough.
    milliseconds = sum(int(config[name].value) for name in ("retention.ms", "segment.ms"))
    return min(timedelta(milliseconds=max(0, milliseconds)), timedelta(days=36_500))


def _receipt(
    value: str, key: HashKey, at: datetime, files: Iterable[dict[str, Any]], until: dict[str, datetime]
) -> dict[str, Any]:
    files = list(files)
    return {
        "hash": value,
        "key_id": key.key_id,
        "at": at.isoformat(timespec="seconds"),
        "removed": sum(each["removed"] for each in files),
        "renamed": sum(each["renamed"] for each in files),
        "files": files,
        "expires": [{"topic": topic, "gone_by": each.isoformat(timespec="minutes")} for topic, each in until.items()],
    }
