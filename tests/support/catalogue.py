"""One catalogue (a prefix of its own) on the shared Kafka and Milvus Lite, and what a test asks of it from outside."""

import contextlib
import itertools
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING as BEGINNING
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from awaiting import eventually
from pictures import jpeg
from schemas.dead_letter import DeadLetter
from schemas.outcome import Outcome
from schemas.source import Source
from streams.clients import producer, reader
from streams.lag import lag
from streams.listing_codec import Record
from streams.retry_headers import first_source, retry_state
from streams.settings import Settings
from streams.topic_reader import read_all, record_of
from streams.topics import DEAD_LETTER, INDEXED, LISTING_PARTITIONS, LISTING_TOPICS, UPDATED, create
from workers.milvus.client import connect
from workers.milvus.collection import collection_names
from workers.milvus.row import Known, Row
from workers.milvus.store import Store
from workers.models.folder import find_model, read_recipe

Headers = Sequence[tuple[str, str | bytes | None]]
Raw = tuple[str, str | bytes | None, bytes | None, Headers, dict[str, Any]]
"""Topic, key, value, headers, and what else the producer is told."""
_prefixes = (f"t{number}_" for number in itertools.count(1))


def next_prefix() -> str:
    """A prefix that no other catalogue of this run has."""
    return next(_prefixes)


class Tail:
    """Every record of a topic, read as it grows."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self.records: list[Record] = []
        self._consumer: Consumer = reader(settings, enable_partition_eof=False)
        name = settings.named(topic)
        self._consumer.assign([TopicPartition(name, number, BEGINNING) for number in range(LISTING_PARTITIONS)])

    def read(self, seconds: float = 0.05) -> list[Record]:
        """All records so far."""
        while messages := self._consumer.consume(1_000, timeout=seconds):
            self.records += [record_of(message) for message in messages if message.error() is None]
        return self.records

    def close(self) -> None:
        """Leave."""
        self._consumer.close()


class Catalogue:
    """Publishes events, and reads back what became of them."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        create(settings)
        self.recipe = read_recipe(find_model(settings.model))
        self.model_id = self.recipe.model_id
        self.group = f"lookalike-index-{self.recipe.hash12}"
        self._producer: Producer = producer(settings)
        self._numbers = itertools.count(1)
        self.ids: list[str] = []
        """Every id that was given out."""
        self.indexed, self._letters = Tail(settings, INDEXED), Tail(settings, DEAD_LETTER)
        self._client: Any = None

    def new_id(self) -> str:
        """An id that was not used before."""
        self.ids.append(f"m{next(self._numbers)}")
        return self.ids[-1]

    def picture(self, seed: int, name: str = "") -> str:
        """The address of a picture below the roots that workers may read."""
        path = self.folder / f"{name or seed}.jpg"
        path.write_bytes(jpeg(seed))
        return path.as_uri()

    def event(self, listing_id: str, version: int, **fields: Any) -> dict[str, Any]:
        """A whole listing, on sale unless said otherwise."""
        defaults = {"listing_id": listing_id, "version": version, "status": "on_sale", "title": f"thing {listing_id}"}
        return {**defaults, **fields}

    def send(
        self, topic: str, key: str | bytes | None, value: bytes | None, headers: Headers = (), **more: Any
    ) -> Source:
        """Publish raw bytes; returns where they lie once Kafka has confirmed them."""
        return self.send_all([(topic, key, value, headers, more)])[0]

    def send_all(self, records: Sequence[Raw]) -> list[Source]:
        """Publish many at once, in order; returns where they lie, in the same order."""
        placed: dict[int, Source] = {}
        for number, (topic, key, value, headers, more) in enumerate(records):

            def confirmed(error: KafkaError | None, message: Message, number: int = number) -> None:
                assert error is None, error
                placed[number] = record_of(message).source

            self._producer.produce(
                self.settings.named(topic), value, key, headers=list(headers), on_delivery=confirmed, **more
            )
        assert self._producer.flush(30) == 0
        return [placed[number] for number in range(len(records))]

    def publish(self, event: dict[str, Any], topic: str = UPDATED, **more: Any) -> Source:
        """Publish a listing event."""
        return self.publish_all([event], topic, **more)[0]

    def publish_all(self, events: Sequence[dict[str, Any]], topic: str = UPDATED, **more: Any) -> list[Source]:
        """Publish listing events at once, in order."""
        return self.send_all([(topic, each["listing_id"], dumped(each), (), more) for each in events])

    def outcomes(self) -> dict[tuple[str, int, int], list[Outcome]]:
        """All outcomes so far, by the place of their event."""
        found = defaultdict(list)
        for record in self.indexed.read():
            outcome = Outcome.model_validate_json(record.value or b"")
            found[place(outcome.source)].append(outcome)
        return found

    def outcomes_of(self, sources: Sequence[Source], *, seconds: float = 60.0) -> list[Outcome]:
        """The outcome of each event, once all are told."""
        wanted = [place(source) for source in sources]

        def all_told() -> dict[tuple[str, int, int], list[Outcome]] | None:
            found = self.outcomes()
            return found if all(each in found for each in wanted) else None

        found = eventually(all_told, f"outcomes of {len(wanted)} events", seconds=seconds) or {}
        return [found[each][0] for each in wanted]

    def outcome_of(self, source: Source, *, seconds: float = 60.0) -> Outcome:
        """The outcome of an event, once it is told."""
        return self.outcomes_of([source], seconds=seconds)[0]

    def done(self, event: dict[str, Any], topic: str = UPDATED, **more: Any) -> Outcome:
        """Publish an event and wait for its outcome."""
        return self.outcome_of(self.publish(event, topic, **more))

    def index(self, event: dict[str, Any], topic: str = UPDATED, **more: Any) -> Row:
        """Publish an event that must be indexed; returns its row."""
        outcome = self.done(event, topic, **more)
        assert outcome.outcome == "indexed", self.letters().get(place(outcome.source), outcome)
        return self.row(event["listing_id"])

    def row(self, listing_id: str) -> Row:
        """The row of a listing that must have one."""
        row = self.known(listing_id).row
        assert row is not None, f"{listing_id} has no row"
        return row

    def letters(self) -> dict[tuple[str, int, int], list[tuple[DeadLetter, Record]]]:
        """All dead letters so far, by the place of their event."""
        found = defaultdict(list)
        for record in self._letters.read():
            letter = DeadLetter.from_headers([(name, value or b"") for name, value in record.headers])
            found[place(letter.source)].append((letter, record))
        return found

    def letter_of(self, source: Source, *, seconds: float = 60.0) -> tuple[DeadLetter, Record]:
        """The dead letter of an event, once it is there."""
        found = eventually(lambda: self.letters().get(place(source)), f"a dead letter of {source}", seconds=seconds)
        assert found is not None
        return found[0]

    def known(self, listing_id: str, model_id: str = "") -> Known:
        """What the store has of a listing."""
        return self.known_all([listing_id], model_id)[listing_id]

    def known_all(self, listing_ids: Sequence[str], model_id: str = "") -> dict[str, Known]:
        """What the store has of several listings."""
        store = Store(self.client, collection_names(self.settings, model_id or self.model_id))
        return store.known(listing_ids, vectors=True)

    @property
    def client(self) -> Any:
        """pymilvus' own client."""
        if self._client is None:
            self._client = connect(self.settings)
        return self._client

    def committed(self, places: Sequence[tuple[str, int]], group: str = "") -> dict[tuple[str, int], int | None]:
        """What the index workers have committed; None where nothing is."""
        with contextlib.closing(reader(self.settings, group or self.group)) as consumer:
            wanted = [TopicPartition(self.settings.named(topic), partition) for topic, partition in places]
            found = {(each.topic, each.partition): each.offset for each in consumer.committed(wanted, timeout=10)}
        offsets = [found[self.settings.named(topic), partition] for topic, partition in places]
        return {one: offset if offset >= 0 else None for one, offset in zip(places, offsets, strict=True)}

    def all_committed(self, group: str = "") -> dict[tuple[str, int], int | None]:
        """What is committed of every listing topic."""
        return self.committed(
            [(topic, partition) for topic in LISTING_TOPICS for partition in range(LISTING_PARTITIONS)], group
        )

    def total_lag(self, group: str = "") -> int:
        """The lag of the index workers' group."""
        return sum(each.lag for each in lag(self.settings, [self.settings.named(group or self.group)]))

    def at_rest(self, group: str = "", *, seconds: float = 60.0) -> None:
        """Wait until everything that was published is finished and committed."""
        eventually(lambda: self.total_lag(group) == 0, "lag 0", seconds=seconds, pause=0.2)

    def every_event_has_its_end(self) -> None:
        """At rest, each event published and committed has one outcome or, where it could not be read, one letter."""
        self.at_rest()
        told, letters = self.outcomes(), self.letters()
        # What a worker put back for a while is an event that was counted where it first stood.
        said = ((record, retry_state(record)) for record in self.all_events())
        own = (record for record, put_back in said if not (put_back.tries or put_back.looks))
        events = Counter(place(first_source(record)) for record in own)
        assert events == {each: len(told.get(each) or letters[each]) for each in told.keys() | letters.keys()}

    def all_events(self) -> list[Record]:
        """Every listing event that was published and committed."""
        return list(read_all(self.settings, *LISTING_TOPICS))

    def close(self) -> None:
        """Let go of the clients."""
        self.indexed.close()
        self._letters.close()
        if self._client is not None:
            self._client.close()


def dumped(event: dict[str, Any]) -> bytes:
    """An event as a publisher of another language would write it."""
    return json.dumps(event).encode()


def place(source: Source) -> tuple[str, int, int]:
    """Where a record lies."""
    return (source.topic, source.partition, source.offset)


def now_ms() -> int:
    """This moment, as Kafka's timestamps have it."""
    return int(time.time() * 1_000)


@contextlib.contextmanager
def catalogue(settings: Settings, folder: Path, **more: Any) -> Iterator[Catalogue]:
    """A catalogue of its own on the servers of `settings`; pictures may come from `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = Settings(**{**settings.model_dump(), "prefix": next_prefix(), "image_roots": (folder,), **more})
    made = Catalogue(chosen, folder)
    try:
        yield made
    finally:
        made.close()
