"""What may not be shown, from the topic `listing-takedown`: read whole by everything that answers or indexes.

The set is pure. Each key stands for itself: an entry whose value can't be read covers all the same, for a takedown must
never be missed.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import get_args

import structlog
from confluent_kafka import KafkaError, Message
from confluent_kafka.admin import AdminClient

from schemas.listing import INT64_MAX
from schemas.takedown import KeyPin, Kind, Takedown
from streams.clients import await_kafka, producer, send
from streams.errors import LookalikeError, UsageError, unreachable
from streams.keyed_hash import HashKey, read_hash_key
from streams.listing_codec import Record
from streams.refusals import is_refused, refusal
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import TAKEDOWN

KINDS: tuple[Kind, ...] = get_args(Kind)
PIN_KEY = b"hash-key"
_ERASED = b"erased:"
_LAST_MS = 253_402_300_799_000  # the end of the year 9999: a record's time may be any number
_UNREADABLE = "its record can't be read"
_log = structlog.get_logger(__name__)


class Pin:
    """Which key the catalogue's hashes are made with, as the log says: its own entry, else its first erasure."""

    def __init__(self) -> None:
        self._pinned: str | None = None
        self._first: str | None = None

    @staticmethod
    def concerns(key: bytes | None) -> bool:
        """Whether a record of this key may say it."""
        return key is not None and (key == PIN_KEY or key.startswith(_ERASED))

    @property
    def key_id(self) -> str | None:
        """The fingerprint; None if nothing was hashed yet."""
        return self._pinned or self._first

    def see(self, record: Record) -> bool:
        """Take a record in; False for a pin that can't be read: then what was pinned before stays."""
        if record.key == PIN_KEY:
            try:
                pinned = None if record.value is None else KeyPin.model_validate_json(record.value).key_id
            except Exception:  # noqa: BLE001 - whatever its value makes the parser raise, the reader goes on
                return False
            self._pinned = pinned
        elif record.value is not None and self._first is None:
            entry = _entry((record.key or b"").decode(errors="replace"), record)
            self._first = None if entry is None else entry.key_id
        return True


_SAID = frozenset((1, 2, 3, 10, 100, 1_000, 10_000, 100_000))
"""Counts of entries that can't be read at which one is named: each is met again at every start of every command."""


class Takedowns:
    """The entries that count, by key; asked from any thread, changed from one."""

    def __init__(self, hash_key: Callable[[], HashKey]) -> None:
        self._make_key = hash_key
        self._key: HashKey | None = None
        self._pin = Pin()
        self._entries: dict[str, Takedown] = {}
        self._unread: set[str] = set()

    @property
    def key_id(self) -> str | None:
        """The fingerprint of the catalogue's hash key; None if none is pinned."""
        return self._pin.key_id

    @property
    def unread(self) -> int:
        """Entries that can't be read, or whose hash was made with another key: reported, and in nobody's way."""
        return len(self._unread)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._entries)

    def entries(self) -> list[Takedown]:
        """All of them, oldest first."""
        return sorted(self._entries.values(), key=lambda each: each.at)

    def apply(self, record: Record) -> Takedown | None:
        """Take a record of the topic in; returns the entry that it makes, None where it undoes one or is none.

        Raises UsageError for an erasure by the catalogue's key if that is not ours: we would miss it.
        """
        key = (record.key or b"").decode(errors="replace")
        understood = not Pin.concerns(record.key) or self._pin.see(record)
        entry = None if record.value is None or record.key == PIN_KEY else _entry(key, record)
        self._unread.discard(key)
        if record.value is None:
            self._entries.pop(key, None)
        elif record.key == PIN_KEY:
            if not understood:
                self._pass_over(key, record, "it is no fingerprint of a hash key")
        elif entry is None:
            self._pass_over(key, record, "its key says nothing")
        elif entry.kind == "erased" and entry.key_id not in (None, self._pin.key_id):
            self._pass_over(key, record, f"it was hashed with another key, {entry.key_id}: erase that listing again")
            entry = None
        else:
            if entry.kind == "erased":
                self._check_key()
            if entry.reason == _UNREADABLE:
                self._pass_over(key, record, "its value can't be read: all that its key says is covered")
            self._entries[key] = entry
        return entry

    def _pass_over(self, key: str, record: Record, why: str) -> None:
        self._unread.add(key)
        if (count := len(self._unread)) in _SAID:
            _log.warning("takedown_not_understood", why=why, source=record.source.model_dump(), count=count)

    def take_over(self, other: "Takedowns") -> list[Takedown]:
        """Be as `other` is; returns what is new."""
        before, self._key = self._entries, other._key
        self._pin, self._unread = other._pin, other._unread
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

    def is_erased(self, listing_id: str, version: int) -> bool:
        """Whether this version of a listing was erased: a higher one is a new listing."""
        entry = self.erasure(listing_id)
        return entry is not None and version <= _erased_to(entry)

    def is_hidden(self, listing_id: str, version: int, seller_id: str, image_hash: str) -> bool:
        """Whether a row may be in no answer: it was taken down or erased."""
        return self.covers(listing_id, seller_id, image_hash) or self.is_erased(listing_id, version)

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

    def _check_key(self) -> None:
        self._key = self._key or self._make_key()
        if self._pin.key_id not in (None, self._key.key_id):
            raise UsageError(
                f"LOOKALIKE_HASH_KEY is not the key that listings were erased with (ours is {self._key.key_id}, theirs "
                f"{self._pin.key_id}): set it to that key, or what was erased would come back",
            )


def _erased_to(entry: Takedown) -> int:
    return INT64_MAX if entry.version is None else entry.version


def _entry(key: str, record: Record) -> Takedown | None:
    kind, _, value = key.partition(":")
    if kind not in KINDS or not value:
        return None
    try:
        entry = Takedown.model_validate_json(record.value or b"")
    except Exception:  # noqa: BLE001 - whatever its value makes the parser raise, its key holds
        entry = None
    if entry is not None and entry.key == key:
        return entry
    milliseconds = min(max(record.source.timestamp, 0), _LAST_MS)
    at = datetime.fromtimestamp(milliseconds / 1_000, UTC)
    return Takedown(kind=kind, value=value[:512], at=at, reason=_UNREADABLE)


def read_takedowns(settings: Settings) -> Takedowns:
    """All takedowns that are in force.

    Raises ServiceUnavailable if Kafka does not answer, LookalikeError without the topic, UsageError for another key.
    """
    require_topic(settings, await_kafka(settings))
    found = Takedowns(lambda: read_hash_key(settings))
    for record in read_all(settings, TAKEDOWN):
        found.apply(record)
    return found


def require_topic(settings: Settings, client: AdminClient) -> None:
    """Raises LookalikeError without the topic: then nobody can say that nothing was taken down."""
    if settings.named(TAKEDOWN) not in client.list_topics(timeout=10).topics:
        raise LookalikeError(f"topic {settings.named(TAKEDOWN)} is missing; `lookalike topics create` creates it")


def write_takedowns(settings: Settings, entries: Iterable[tuple[str, Takedown | None]]) -> None:
    """Write entries by key (None undoes); returns when Kafka has confirmed them.

    Raises LookalikeError if it refuses them, ServiceUnavailable if it does not answer.
    """
    require_topic(settings, await_kafka(settings))
    sender, failures = producer(settings, delivery_timeout_ms=10_000), list[KafkaError]()

    def failed(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    for key, entry in entries:
        value = None if entry is None else entry.model_dump_json(exclude_none=True).encode()
        send(sender, settings.named(TAKEDOWN), value, key, on_delivery=failed)
    left = sender.flush(15)
    if failures and is_refused(failures[0]):
        raise LookalikeError(f"nothing was taken down: Kafka refused it: {refusal(failures[0])}")
    if left or failures:
        reason = failures[0].str() if failures else "no answer"
        raise unreachable("Kafka", settings.kafka, f"nothing was taken down ({reason}); try again")
