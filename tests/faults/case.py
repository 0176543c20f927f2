"""One case: what it publishes, when it has recovered, and what the ledger says when all is at rest."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any

from confluent_kafka import KafkaException

from awaiting import eventually
from catalogue import dumped
from faults.chosen import seed_of
from faults.histories import Histories, Made, Pictures
from faults.ledger import Ledger
from faults.publishing import Publisher
from faults.scene import Scene
from faults.table import Row
from pictures import jpeg
from schemas.dead_letter import DeadLetter
from schemas.listing import ListingEvent
from schemas.outcome import Outcome
from schemas.source import Source
from streams.listing_codec import Record
from streams.topic_reader import read_all
from streams.topics import CREATED, DEAD_LETTER, INDEXED
from web import respond
from workers.milvus.collection import collection_names
from workers.operations.audit.oracle import Report

GOOD_PICTURES = 8


class Case:
    """Publishes on a scene under ids of its own, and keeps the account of it."""

    def __init__(self, name: str, scene: Scene) -> None:
        self.name, self.scene = name, scene
        self.shop, self.ground, self.crew = scene.shop, scene.ground, scene.crew
        self.seed, self.started = seed_of(name), time.monotonic()
        self.tag = f"{name.replace(' ', '-')}."
        self.ledger = Ledger()
        self.publisher = Publisher(scene.shop.settings, self.ledger)
        self.histories = Histories(self.seed, self._pictures(), name=self.tag)
        self.recovered: float | None = None
        self.note = ""
        self.row: Row | None = None
        self.gate = threading.Event()
        self.gate.set()
        self._numbers = 0
        self._asked_once: list[str] = []

    def publish(self, count: int = 100) -> list[Source]:
        """The next records of the histories; returns where they stand."""
        return self.send(list(self.histories.records(count)))

    def put_back(self, count: int = 20) -> list[Source]:
        """Copies of what was published, in `listing-retry`."""
        return self.send(list(self.histories.put_back(self.ledger, count)))

    def send(self, records: Sequence[Made]) -> list[Source]:
        """Publish these records."""
        sources = self.shop.send_all([made.raw for made in records])
        for made, source in zip(records, sources, strict=True):
            self.ledger.published(made, source)
        return sources

    def send_one_by_one(self, records: Sequence[Made]) -> list[Source]:
        """Publish each when the one before has come to its end."""
        sources = []
        for made in records:
            sources += self.send([made])
            self.told(sources[-1:])
        return sources

    def new(self, count: int, **fields: Any) -> list[Made]:
        """New listings, each with a picture of its own, so that one that is fetched twice is seen."""
        return [self.listing(self.path(), **fields) for _ in range(count)]

    def path(self) -> str:
        """The path of a new picture; while `gate` is not set, whoever asks for it waits."""
        self._numbers += 1
        path, body = f"/{self.tag}{self._numbers}.jpg", jpeg(self.seed + self._numbers)

        def answer(request: BaseHTTPRequestHandler) -> None:
            self.gate.wait(120)
            respond(request, body)

        self.scene.web.answers[path] = answer
        self._asked_once.append(path)
        return path

    def of_url(self, url: str, **fields: Any) -> Made:
        """A new listing with the picture at `url`."""
        self._numbers += 1
        listing_id = f"{self.tag}{self._numbers}"
        event = self.shop.event(listing_id, 1, image_urls=[url], **fields)
        return Made(
            CREATED, listing_id.encode(), dumped(event), (), None, ListingEvent.model_validate(event), able=True
        )

    def listing(
        self, path: str, listing_id: str = "", version: int = 1, *, topic: str = CREATED, **fields: Any
    ) -> Made:
        """A whole listing event that nothing is wrong with."""
        listing_id = listing_id or path[1:].removesuffix(".jpg")
        pictures = {"image_urls": [self.scene.web.url(path, self._numbers)]} if path else {}
        event = self.shop.event(listing_id, version, **pictures, **fields)
        return Made(topic, listing_id.encode(), dumped(event), (), None, ListingEvent.model_validate(event), able=True)

    def asked(self) -> Counter[str]:
        """How often each picture of `new` was asked for."""
        return Counter({path: self.scene.web.asked[path] for path in self._asked_once})

    def all_asked(self) -> bool:
        """Whether each picture of `new` was asked for."""
        return all(self.asked().values())

    def able_histories(self) -> Histories:
        """Histories in which nothing is wrong with any event."""
        return Histories(self.seed + 1, self._pictures(), name=self.tag, able=True)

    def told(self, sources: Sequence[Source], *, seconds: float = 60.0) -> list[Outcome]:
        """The outcome of each of these events, once all are told."""
        return self.shop.outcomes_of(sources, seconds=seconds)

    def recovers(self, healthy: Callable[[], bool], *, within: float) -> None:
        """The first outcome must come `within` seconds after `healthy` holds again."""
        eventually(healthy, "the service serves the test again", seconds=150)
        before, since = len(self.shop.indexed.read()), time.monotonic()
        [source] = self.send(self.new(1))
        eventually(lambda: len(self.shop.indexed.read()) > before, f"an outcome after {source}", seconds=within + 60)
        self.recovered = time.monotonic() - since
        assert self.recovered <= within, f"recovered after {self.recovered:.1f} s"

    def report(self, *, seconds: float = 120.0) -> Report:
        """What became of everything, at rest."""
        self.publisher.finish()
        eventually(self._at_rest, "lag 0", seconds=seconds, pause=0.2)
        listing_ids = sorted({*self.ledger.listing_ids, *self._stored_ids()})
        letters = [letter_of(record).source for record in read_all(self.shop.settings, DEAD_LETTER)]
        return self.ledger.verdict(self.shop.known_all(listing_ids), letters, self._outcomes())

    def holds(self, *, seconds: float = 120.0, twice: int | None = None) -> Report:
        """The invariant holds; `twice` is how many pictures may have been encoded again."""
        report = self.report(seconds=seconds)
        again = self.encoded_twice()
        self.row = self._row(report, again)
        assert report.right, f"{self.name}, seed {self.seed}: {report}"
        assert report.produced > 0
        if twice is not None:
            often = {path: count for path, count in self.asked().items() if count > 1}
            assert again <= twice, f"{again} pictures were encoded again: {often}"
        return report

    def encoded_twice(self) -> int:
        """Pictures that were fetched, and so perhaps encoded, more than once; or told as encoded more than once."""
        fetched = sum(max(0, count - 1) for count in self.asked().values())
        encoded = Counter(str(each.source) for each in self._outcomes() if each.encoded)
        return max(fetched, sum(count - 1 for count in encoded.values()))

    def _at_rest(self) -> bool:
        try:
            return self.shop.total_lag() == 0
        except KafkaException:  # a broker that has just come back loads its offsets first
            return False

    def _outcomes(self) -> list[Outcome]:
        """From the beginning of the topic to its end: a reader that follows it may be behind after an outage."""
        records = read_all(self.shop.settings, INDEXED)
        found = [Outcome.model_validate_json(record.value or b"") for record in records]
        return [outcome for outcome in found if outcome.listing_id.startswith(self.tag)]

    def _stored_ids(self) -> list[str]:
        """Whose rows and tombstones there are, whoever published them."""
        found: list[str] = []
        collections = collection_names(self.shop.settings, self.shop.model_id)
        for name in (collections.listings, collections.tombstones):
            rows = self.shop.client.query(
                name, f'listing_id like "{self.tag}%"', output_fields=["listing_id"], consistency_level="Strong"
            )
            found += [row["listing_id"] for row in rows]
        return found

    def _row(self, report: Report, again: int) -> Row:
        ends, kinds = report.ends, report.kinds
        return Row(
            self.name,
            report.produced,
            ends["indexed"],
            ends["superseded"],
            ends["dead_lettered"],
            ends["lost"],
            kinds["phantom"],
            kinds["regressed"],
            again,
            self.recovered,
            time.monotonic() - self.started,
            self.note,
        )

    def _pictures(self) -> Pictures:
        web = self.scene.web
        good = [
            web.serve(f"/{self.tag}good{number}.jpg", jpeg(self.seed + 500 + number)) for number in range(GOOD_PICTURES)
        ]
        bad = [
            web.url(f"/{self.tag}gone.jpg"),
            web.serve(f"/{self.tag}page.jpg", b"<html><body>a page</body></html>"),
            "file:///nowhere.jpg",
        ]
        return Pictures(good, bad)


def letter_of(record: Record) -> DeadLetter:
    """The dead letter in a record of their topic."""
    return DeadLetter.from_headers([(name, value or b"") for name, value in record.headers])
