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
from streams.hash_key import HashKey, read_hash_key
from streams.interactions import pseudonym
from streams.settings import Settings
from streams.topics import INTERACTION_LETTER, INTERACTIONS
from workers.record.columns import COLUMNS
from workers.record.files import data_files, interactions_folder
from workers.record.forgotten import Forgotten, apply, read_forgotten, remember, remember_requests
from workers.record.landing import Staging, finish, sync, write_file
from workers.record.locks import DAYS, REWRITE, holding


def forget_user(settings: Settings, user_id: str) -> dict[str, Any]:
    """Remove all of a user from the files and keep a keyed hash that stops more; returns the receipt.

    The fields of `lookalike erase --user --json`. Safe to repeat: it also removes what had come before its shelf did.
    Raises CommandFailed: 2 without the key that pseudonyms are made with, 3 where Kafka is away.
    """
    key, at = read_hash_key(settings), datetime.now(UTC)
    until, folder, value = _gone_by(settings, at), interactions_folder(settings), pseudonym(key, user_id)
    folder.mkdir(parents=True, exist_ok=True)
    _remember(folder, "user", value, key, at)
    with holding(folder, REWRITE):
        shelves = _found(folder, pl.col("user") == value).filter(pl.col("event") == "shelf")
        with holding(folder, DAYS):
            remember_requests(folder, shelves["request_id"], max(until.values()).date() + timedelta(days=1))
        forgotten = read_forgotten(folder, lambda: key, at.date())
        of_user = Forgotten(frozenset({value}), forgotten.requests)
        files = _rewrite(
            folder, of_user, (pl.col("user") == value) | pl.col("request_id").is_in(sorted(of_user.requests))
        )
    return _receipt(value, key, at, files, until) | {"shelves": shelves.height}


def forget_listing(settings: Settings, listing_id: str) -> dict[str, Any]:
    """Put the keyed hash in place of a listing's id, in all that was recorded of it so far; returns the receipt.

    Places and counts stay as they were. A listing of that id that comes later is a new one. Raises as `forget_user`.
    """
    key, at = read_hash_key(settings), datetime.now(UTC)
    until, folder, value = _gone_by(settings, at), interactions_folder(settings), key.of(listing_id)
    folder.mkdir(parents=True, exist_ok=True)
    _remember(folder, "listing", value, key, at)
    with holding(folder, REWRITE):
        shown = pl.col("items").list.eval(pl.element().struct.field("listing_id") == listing_id).list.any()
        wanted = (pl.col("listing_id") == listing_id) | (pl.col("query") == listing_id) | shown
        stamp = read_forgotten(folder, lambda: key, at.date()).listings[value]
        files = _rewrite(folder, Forgotten(listings={value: stamp}, key=key), wanted)
    return _receipt(value, key, at, files, until)


def _remember(folder: Path, kind: Literal["user", "listing"], value: str, key: HashKey, at: datetime) -> None:
    """Every batch that is put in place after this honours it; every other is in place, or is placed here."""
    with holding(folder, DAYS):
        remember(folder, kind, value, key.key_id, at)
    finish(folder)


def _found(folder: Path, wanted: pl.Expr) -> pl.DataFrame:
    """Event, request id and file of the rows that are wanted."""
    paths = [each.path for each in data_files(folder)]
    if not paths:
        return pl.DataFrame(schema={"event": pl.String, "request_id": pl.String, "file": pl.String})
    frame = pl.scan_parquet(paths, hive_partitioning=False, glob=False, include_file_paths="file")
    return frame.filter(wanted.fill_null(value=False)).select("event", "request_id", "file").collect()


def _rewrite(folder: Path, forgotten: Forgotten, wanted: pl.Expr) -> list[dict[str, Any]]:
    """Write the files anew that have wanted rows; which they are, and how many rows were removed or changed."""
    told, staging = list[dict[str, Any]](), Staging.make(folder)
    try:
        for name in _found(folder, wanted)["file"].unique().sort():
            path = Path(name)
            applied = apply(pq.ParquetFile(path).read(columns=COLUMNS.names).cast(COLUMNS), forgotten)
            new = staging.path / path.name
            write_file(new, applied.rows)
            replace(new, path)
            told.append({
                "file": str(path.relative_to(folder)), "removed": applied.removed, "renamed": applied.renamed
            })  # fmt: skip
    finally:
        staging.close()
    return told


def replace(new: Path, path: Path) -> None:
    """One step: whoever opens the file gets the old rows or the new."""
    new.replace(path)
    sync(path.parent)


def _gone_by(settings: Settings, at: datetime) -> dict[str, datetime]:
    """When the topics will have let go of the last record that was published by now."""
    topics = [settings.named(INTERACTIONS), settings.named(INTERACTION_LETTER)]
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
        "hash": value, "key_id": key.key_id, "at": at.isoformat(timespec="seconds"),
        "removed": sum(each["removed"] for each in files), "renamed": sum(each["renamed"] for each in files),
        "files": files,
        "expires": [{"topic": topic, "gone_by": each.isoformat(timespec="minutes")} for topic, each in until.items()],
    }  # fmt: skip
