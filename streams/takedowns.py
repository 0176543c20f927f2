"""What may not be shown, from the topic `listing-takedown`: read whole by everything that answers or indexes.

The set is pure. Each key stands for itself: an entry whose value can't be read covers all the same, for a takedown must
never be missed.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import structlog
from confluent_kafka.admin import AdminClient
from pydantic import ValidationError

from schemas.listing import INT64_MAX
from schemas.takedown import Kind, Takedown
from streams.clients import await_kafka, producer
from streams.codec import Record
from streams.failures import CommandFailed, unreachable
from streams.hash_key import HashKey, read_hash_key
from streams.read import read_all
from streams.settings import Settings
from streams.topics import TAKEDOWN

KINDS: tuple[Kind, ...] = ("listing", "seller", "image", "erased")
_log = structlog.get_logger(__name__)


class Takedowns:
    """The entries that count, by key; asked from any thread, changed from one."""

    def __init__(self, hash_key: Callable[[], HashKey]) -> None:
        self._make_key = hash_key
        self._key: HashKey | None = None
        self._entries: dict[str, Takedown] = {}

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._entries)

    def entries(self) -> list[Takedown]:
        """All of them, oldest first."""
        return sorted(self._entries.values(), key=lambda each: each.at)

    def apply(self, record: Record) -> Takedown | None:
        """Take a record of the topic in; returns the entry that it makes, None where it undoes one or is none.

        Raises CommandFailed (exit 2) for an erasure that was made with another key than ours.
        """
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            self._entries.pop(key, None)
            return None
        entry = _entry(key, record)
        if entry is None:
            _log.warning("takedown_not_understood", source=record.source.model_dump())
            return None
        if entry.kind == "erased":
            self._check_key(entry)
        self._entries[key] = entry
        return entry

    def take_over(self, other: "Takedowns") -> list[Takedown]:
        """Be as `other` is; returns what is new."""
        before, self._key = self._entries, other._key
        self._entries = other._entries
        return [each for key, each in self._entries.items() if before.get(key) != each]

    def why(self, listing_id: str, seller_id: str = "", image_hash: str = "") -> Takedown | None:
        """The takedown that covers a listing; None where it may be shown. Erasures go by version: `erased`."""
        keys = [f"listing:{listing_id}", *([f"seller:{seller_id}"] if seller_id else [])]
        keys += [f"image:{image_hash}"] if image_hash else []
        return next((self._entries[key] for key in keys if key in self._entries), None)

    def covers(self, listing_id: str, seller_id: str = "", image_hash: str = "") -> bool:
        """Whether a listing was taken down: by itself, with its seller, or with its picture."""
        return bool(self._entries) and self.why(listing_id, seller_id, image_hash) is not None

    def erasure(self, listing_id: str) -> Takedown | None:
        """The entry of a listing that was erased."""
        return None if self._key is None else self._entries.get(f"erased:{self._key.of(listing_id)}")

    def erased(self, listing_id: str, version: int) -> bool:
        """Whether this version of a listing was erased: a higher one is a new listing."""
        entry = self.erasure(listing_id)
        return entry is not None and version <= _erased_to(entry)

    def hides(self, listing_id: str, version: int, seller_id: str, image_hash: str) -> bool:
        """Whether a row may be in no answer: it was taken down or erased."""
        return self.covers(listing_id, seller_id, image_hash) or self.erased(listing_id, version)

    def erased_record(self, record: Record) -> bool:
        """Whether a record that can't be read is of an erased listing: by its key, and written before it was erased."""
        return self.erased_at((record.key or b"").decode(errors="replace"), record.source.timestamp)

    def erased_at(self, listing_id: str, timestamp: int) -> bool:
        """Whether a listing was erased after this time, in milliseconds since 1970."""
        entry = self.erasure(listing_id)
        return entry is not None and timestamp <= entry.at.timestamp() * 1_000

    def any_of(self, *kinds: Kind) -> bool:
        """Whether there is an entry of one of these kinds."""
        # A copy, made whole: the thread that follows the topic changes the entries meanwhile.
        return any(entry.kind in kinds for entry in list(self._entries.values()))

    def _check_key(self, entry: Takedown) -> None:
        self._key = self._key or self._make_key()
        if entry.key_id not in (None, self._key.key_id):
            raise CommandFailed(
                f"LOOKALIKE_HASH_KEY is not the key that listings were erased with (ours is {self._key.key_id}, theirs "
                f"{entry.key_id}): set it to that key, or what was erased would come back", 2,
            )  # fmt: skip


def _erased_to(entry: Takedown) -> int:
    return INT64_MAX if entry.version is None else entry.version


def _entry(key: str, record: Record) -> Takedown | None:
    kind, _, value = key.partition(":")
    if kind not in KINDS or not value:
        return None
    try:
        entry = Takedown.model_validate_json(record.value or b"")
    except ValidationError:
        entry = None
    if entry is not None and entry.key == key:
        return entry
    at = datetime.fromtimestamp(record.source.timestamp / 1_000, UTC)
    return Takedown(kind=kind, value=value[:512], at=at, reason="its record can't be read")


def read_takedowns(settings: Settings) -> Takedowns:
    """All that counts now. Raises CommandFailed: 3 where Kafka is away, 1 without the topic, 2 for another hash key."""
    require_topic(settings, await_kafka(settings))
    found = Takedowns(lambda: read_hash_key(settings))
    for record in read_all(settings, TAKEDOWN):
        found.apply(record)
    return found


def require_topic(settings: Settings, client: AdminClient) -> None:
    """Raises CommandFailed without the topic: then nobody can say that nothing was taken down."""
    if settings.named(TAKEDOWN) not in client.list_topics(timeout=10).topics:
        raise CommandFailed(f"topic {settings.named(TAKEDOWN)} is missing; `lookalike topics create` creates it")


def write_takedowns(settings: Settings, entries: Iterable[tuple[str, Takedown | None]]) -> None:
    """Write entries by key (None undoes); returns when Kafka has confirmed them, raises CommandFailed (3) if not."""
    require_topic(settings, await_kafka(settings))
    sender, failures = producer(settings, delivery_timeout_ms=10_000), list[str]()
    for key, entry in entries:
        value = None if entry is None else entry.model_dump_json(exclude_none=True).encode()
        sender.produce(
            settings.named(TAKEDOWN), value, key,
            on_delivery=lambda error, _: failures.append(error.str()) if error is not None else None,
        )  # fmt: skip
    if sender.flush(15) or failures:
        reason = failures[0] if failures else "no answer"
        raise unreachable("Kafka", settings.kafka, f"nothing was taken down ({reason}); try again")
