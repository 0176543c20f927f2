"""What is to be forgotten: users, their requests, listings; read before each batch, so that nothing of them comes back.

`.forgotten/user-<keyed hash>` and `listing-<keyed hash>` stay for ever and say nothing without the key.
`.forgotten/requests` holds the request ids of forgotten users' shelves: what points to these is dropped as well. Such
an id leads to nobody once its shelf is gone; it is kept while Kafka could bring the shelf back.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped]

from streams.errors import Broken
from streams.keyed_hash import HashKey
from streams.local_files import local_file
from workers.interactions.layout import ERASURES
from workers.interactions.schema import ITEM
from workers.process import atomic_write

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REQUESTS = "requests"


@dataclass(frozen=True)
class Erasures:
    """Users by pseudonym, requests by id, and listings by keyed hash with the time of their erasure (µs since 1970)."""

    users: frozenset[str] = frozenset()
    requests: frozenset[str] = frozenset()
    listings: dict[str, int] = field(default_factory=dict)
    key: HashKey | None = None
    """The key of the listings' hashes; needed only where there are any."""

    def __bool__(self) -> bool:
        return bool(self.users or self.requests or self.listings)


@dataclass(frozen=True)
class ErasureResult:
    """What is left of rows, and what was taken out of them."""

    rows: Any
    """A pyarrow Table."""
    removed: int
    requests: frozenset[str]
    """Of removed shelves, those that were not known to be forgotten."""
    renamed: int
    """Rows in which a listing's id became its keyed hash."""


def apply_erasures(rows: Any, forgotten: Erasures) -> ErasureResult:
    """Rows without forgotten users' shelves and what points to them, and with forgotten listings' hashes for ids."""
    if not forgotten or not rows.num_rows:
        return ErasureResult(rows, 0, frozenset(), 0)
    before, requests = rows.num_rows, frozenset[str]()
    if forgotten.users:
        theirs = rows.filter(_in(rows.column("user"), forgotten.users))
        requests = frozenset(theirs.column("request_id").to_pylist())
    if gone := requests | forgotten.requests:
        rows = rows.filter(pc.invert(_in(rows.column("request_id"), gone)))
    renamed = 0
    if forgotten.listings:
        rows, renamed = _rename(rows, forgotten)
    return ErasureResult(rows, before - rows.num_rows, requests - forgotten.requests, renamed)


def _in(values: Any, words: Iterable[str]) -> Any:
    return pc.fill_null(pc.is_in(values, value_set=pa.array(sorted(words), pa.string())), fill_value=False)


def _rename(rows: Any, forgotten: Erasures) -> tuple[Any, int]:
    """Erased listings' ids, in records from before their erasure, become their keyed hashes."""
    rows = rows.combine_chunks()
    if not rows.num_rows:
        return rows, 0
    times = np.asarray(rows.column("recorded_at").chunk(0).cast(pa.int64()))
    changed = np.zeros(rows.num_rows, np.bool_)
    for name in ("query", "listing_id"):
        values, hit = _renamed(rows.column(name).chunk(0), times, forgotten)
        changed |= hit
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), values)
    shelves = rows.column("items").chunk(0)
    lengths = np.asarray(pc.list_value_length(shelves).fill_null(0)).astype(np.int64)
    of, items = np.repeat(np.arange(len(shelves)), lengths), shelves.flatten()
    ids, hit = _renamed(items.field("listing_id"), times[of], forgotten)
    if hit.any():
        parts = [ids if each.name == "listing_id" else items.field(each.name) for each in ITEM]
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
        again = pa.ListArray.from_arrays(
            offsets, pa.StructArray.from_arrays(parts, fields=list(ITEM)), mask=pc.is_null(shelves)
        ).cast(rows.schema.field("items").type)
        changed[of[hit]] = True
        rows = rows.set_column(rows.schema.get_field_index("items"), rows.schema.field("items"), again)
    return rows, int(changed.sum())


def _renamed(values: Any, times: Any, forgotten: Erasures) -> tuple[Any, Any]:
    """The values with hashes for the ids that are erased at these times, and which were changed."""
    if forgotten.key is None:
        raise Broken("listings are forgotten, and there is no LOOKALIKE_HASH_KEY to tell them by")
    encoded = values.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    hashes = [forgotten.key.of(word) for word in words]
    until = np.asarray([forgotten.listings.get(each, -1) for each in hashes] + [-1], np.int64)
    codes = np.asarray(encoded.indices.fill_null(len(words))).astype(np.int64)
    hit = times <= until[codes]
    if not hit.any():
        return values, hit
    replaced = pa.array([*hashes, None], pa.string()).take(pa.array(codes))
    return pc.if_else(pa.array(hit), replaced, values), hit


def read_erasures(folder: Path, read_key: Callable[[], HashKey], today: date) -> Erasures:
    """All that is to be forgotten; the key is read only where listings are. Raises Broken where it is another one."""
    key: HashKey | None = None
    users, listings = set[str](), dict[str, int]()
    for path in sorted((folder / ERASURES).glob("*-*")):
        kind, _, value = path.name.partition("-")
        if kind not in ("user", "listing"):
            continue  # one that was not written whole
        with local_file(path, "erase the same user or listing again, which writes it anew"):
            entry = json.loads(path.read_text())
            key_id, at = entry["key_id"], datetime.fromisoformat(entry["at"])
        if kind == "user":
            users.add(value)
        else:
            key = key or read_key()
            if key_id != key.key_id:
                raise Broken("LOOKALIKE_HASH_KEY is not the key that listings were erased with: set it to that key")
            listings[value] = int((at - _EPOCH).total_seconds() * 1_000_000)
    requests = set[str]()
    with contextlib.suppress(FileNotFoundError):
        for line in (folder / ERASURES / _REQUESTS).read_text().splitlines():
            until, _, request = line.partition(" ")
            if until >= today.isoformat():
                requests.add(request)
    return Erasures(frozenset(users), frozenset(requests), listings, key)


def record_erasure(folder: Path, kind: Literal["user", "listing"], value: str, key_id: str, at: datetime) -> None:
    """Write down that a user or a listing is to be forgotten; whole, or not at all. Hold the lock `days` alone."""
    path = folder / ERASURES / f"{kind}-{value}"
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write.write_text(path, json.dumps({"key_id": key_id, "at": at.isoformat()}), durable=True)


def record_erased_requests(folder: Path, requests: Iterable[str], until: date) -> None:
    """Add request ids, to be dropped wherever they come up, until a day on which the log has let go of them."""
    lines = "".join(f"{until.isoformat()} {request}\n" for request in sorted(requests))
    if lines:
        (folder / ERASURES).mkdir(parents=True, exist_ok=True)
        with (folder / ERASURES / _REQUESTS).open("a") as file:
            file.write("\n" + lines)  # a line that a crash left unfinished must not swallow the next
            file.flush()
            os.fsync(file.fileno())
