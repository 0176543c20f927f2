"""Histories of listings, made from a seed: what a marketplace publishes on its good days and on its bad ones.

    histories = Histories(seed=7, pictures=Pictures(good=[…], bad=[…]))
    ledger = Ledger()
    for made in histories.records(300):
        ledger.published(made, where Kafka confirmed it)     # made.raw is what `Catalogue.send_all` takes
    for made in histories.put_back(ledger, 20): …            # copies in listing-retry, published the same way
    report = ledger.verdict(known, letters, outcomes)

Equal seeds make equal histories. Nothing here reads the system: what each record is, is known because it was made so.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from catalogue import Raw
from schemas.listing import ListingEvent
from streams.listing_codec import Record
from streams.retry_headers import RetryState, requeue_headers
from streams.topics import CREATED, RETRY, UPDATED

if TYPE_CHECKING:
    from faults.ledger import Ledger

Headers = tuple[tuple[str, bytes | None], ...]
Event = dict[str, Any]


@dataclass(frozen=True)
class Pictures:
    """Addresses of pictures: `good` can be had and decoded, `bad` never can, of `shaky` ones nobody knows."""

    good: Sequence[str]
    bad: Sequence[str]
    shaky: Sequence[str] = ()


@dataclass(frozen=True)
class Made:
    """A record, and what it is: `event` is None where it can't be read; `able` where nothing is wrong with it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int | None = None
    event: ListingEvent | None = None
    able: bool = False
    copy_of: "Made | None" = None
    """The event of which this is a copy that was put back."""

    @property
    def raw(self) -> Raw:
        """As `Catalogue.send_all` takes it."""
        more = {} if self.timestamp is None else {"timestamp": self.timestamp}
        return (self.topic, self.key, self.value, self.headers, more)

    @property
    def listing_id(self) -> str:
        """The listing under which it is counted."""
        return (self.key or b"").decode(errors="replace")


@dataclass
class _Life:
    """One listing as its seller knows it."""

    listing_id: str
    version: int
    event: Event = field(default_factory=dict)
    born: bool = False


Step = Callable[[_Life], list[Made]]


class Histories:
    """Lives of listings, interleaved, and out of order as publishers and networks make them.

    Where `able`, nothing is wrong with any of their events.
    """

    def __init__(
        self, seed: int, pictures: Pictures, *, listings: int = 40, name: str = "h", able: bool = False
    ) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._pictures, self._able = pictures, able
        self._lives = [_Life(f"{name}{seed}-{number}", self._chance.randrange(5)) for number in range(listings)]
        self._times = 1_700_000_000_000

    def records(self, count: int) -> Iterator[Made]:
        """At least `count` records, in the order in which they are to be published; may be asked again for more."""
        made: list[Made] = []
        while len(made) < count:
            made += self._step(self._chance.choice(self._lives))
        # Most stay near their place; one in ten is very late.
        late = [self._chance.expovariate(1 / (200 if self._chance.random() < 0.1 else 4)) for _ in made]
        places = sorted(range(len(made)), key=lambda number: number + late[number])
        return iter([made[number] for number in places])

    def put_back(self, ledger: "Ledger", count: int) -> Iterator[Made]:
        """Copies of events that were published, good and bad, as a replay or a repair puts them back."""
        for made, source in self._chance.sample(ledger.entries, min(count, len(ledger.entries))):
            record = Record(source, made.key, made.value, made.headers)
            headers = tuple(requeue_headers(record, RetryState(attempts=self._chance.randrange(3))))
            yield Made(RETRY, made.key, made.value, headers, None, made.event, made.able, copy_of=made)

    def _step(self, life: _Life) -> list[Made]:
        if not life.born or "status" not in life.event:
            life.born = True
            return [self._change(life, CREATED, self._whole(life))]
        steps: list[tuple[int, Step]] = [
            (30, self._priced),
            (8, self._titled),
            (12, self._pictured),
            (14, self._off_the_shelf),
            (8, self._relisted),
            (4, self._removed),
            (4, self._removed_by_null),
            (5, self._bad_picture),
            (5, self._bad_payload),
            (5, self._same_version),
            (5, self._again),
        ]
        if self._able:
            steps = [(weight, step) for weight, step in steps if step not in (self._bad_picture, self._bad_payload)]
        chosen = self._chance.choices([step for _, step in steps], [weight for weight, _ in steps])[0]
        return chosen(life)

    def _whole(self, life: _Life) -> Event:
        number = self._chance.randrange(1_000)
        event: Event = {
            "listing_id": life.listing_id,
            "status": self._chance.choice(["on_sale"] * 4 + ["hidden"]),
            "title": f"thing {number}",
            "category": self._chance.choice([[], ["fashion"], ["fashion", "shoes"]]),
            "price_minor": number,
            "currency": "JPY",
            "seller_id": f"u{number % 7}",
            "image_urls": [self._chance.choice(self._pictures.good)],
            "attributes": {"size": number / 4, "new": bool(number % 2), "note": "ü ✓"},
        }
        if number % 3 == 0:
            event |= {"occurred_at": "2026-11-23T00:00:00Z", "colour": "a field that we don't know"}
        return event

    def _change(self, life: _Life, topic: str, event: Event, *, same_version: bool = False) -> Made:
        """One record of `event`, which is how the listing stands from here on."""
        life.version += 0 if same_version else self._chance.randint(1, 3)
        life.event = {**event, "version": life.version}
        able = event["status"] != "on_sale" or event["image_urls"][0] in self._pictures.good
        timestamp = self._times if self._chance.random() < 0.2 else None  # equal ones: then the place decides
        return Made(
            topic,
            life.listing_id.encode(),
            json.dumps(life.event).encode(),
            (),
            timestamp,
            ListingEvent.model_validate(life.event),
            able,
        )

    def _updated(self, life: _Life, **fields: Any) -> list[Made]:
        event = life.event if life.event["status"] != "removed" else self._whole(life)
        return [self._change(life, UPDATED, {**event, **fields})]

    def _priced(self, life: _Life) -> list[Made]:
        return self._updated(life, price_minor=self._chance.randrange(100_000), currency="JPY")

    def _titled(self, life: _Life) -> list[Made]:
        return self._updated(life, title=f"another thing {self._chance.randrange(1_000)}", attributes={})

    def _pictured(self, life: _Life) -> list[Made]:
        wanted = [*self._pictures.good, *self._pictures.shaky]
        return self._updated(life, image_urls=[self._chance.choice(wanted)])

    def _off_the_shelf(self, life: _Life) -> list[Made]:
        return self._updated(life, status=self._chance.choice(["sold_out", "reserved", "hidden"]))

    def _relisted(self, life: _Life) -> list[Made]:
        return self._updated(life, status="on_sale")

    def _removed(self, life: _Life) -> list[Made]:
        return self._updated(life, status="removed")

    def _removed_by_null(self, life: _Life) -> list[Made]:
        """In both topics, as `publish` does it."""
        life.version += 1
        life.event = {**life.event, "status": "removed"}
        event = ListingEvent(listing_id=life.listing_id, version=life.version, status="removed")
        headers: Headers = (("version", str(life.version).encode()),)
        return [Made(topic, life.listing_id.encode(), None, headers, None, event, True) for topic in (CREATED, UPDATED)]

    def _bad_picture(self, life: _Life) -> list[Made]:
        return self._updated(life, image_urls=[self._chance.choice(self._pictures.bad)])

    def _same_version(self, life: _Life) -> list[Made]:
        """Equal versions with different content, from one topic or from two."""
        if life.event["status"] == "removed":
            return self._relisted(life)
        topic = self._chance.choice([CREATED, UPDATED])
        return [self._change(life, topic, {**life.event, "price_minor": 7}, same_version=True)]

    def _again(self, life: _Life) -> list[Made]:
        """The publisher sends the same bytes once more."""
        if life.event["status"] == "removed":
            return self._relisted(life)
        once = self._change(life, UPDATED, life.event)
        return [once, once]

    def _bad_payload(self, life: _Life) -> list[Made]:
        key, event = life.listing_id.encode(), {**life.event, "version": life.version + 1}
        bad: list[tuple[bytes | None, bytes | None, Headers]] = [
            (key, b"\xff\xfe not JSON", ()),
            (key, b"{", ()),
            (key, b"", ()),
            (key, json.dumps({**event, "version": "7"}).encode(), ()),
            (key, json.dumps({**event, "version": -1}).encode(), ()),
            (key, json.dumps({**event, "status": "on_sale", "title": ""}).encode(), ()),
            (key, json.dumps({**event, "status": "lost"}).encode(), ()),
            (key, json.dumps({**event, "price_minor": float("nan")}).encode(), ()),
            (key, json.dumps({**event, "attributes": {"a": {"b": 1}}}).encode(), ()),
            (key, json.dumps({**event, "listing_id": "another"}).encode(), ()),
            (None, json.dumps(event).encode(), ()),
            (key, None, ()),
            (key, None, (("version", b"seven"),)),
        ]
        chosen, value, headers = self._chance.choice(bad)
        topic = RETRY if chosen is None else self._chance.choice([CREATED, UPDATED])  # compacted ones refuse no key
        return [Made(topic, chosen, value, headers)]
