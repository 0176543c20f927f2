"""The tour: index, ask, change prices, sell; each step published to Kafka, awaited, and checked by what was told."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from schemas.listing import ListingEvent
from streams.dead_letters import by_reason, letters
from streams.failures import CommandFailed
from streams.publish import Publisher
from streams.settings import Settings
from workers.demo.catalogue import FEWEST, assorted, changed, repriced
from workers.demo.drain import drain
from workers.demo.figures import Check, Told, told
from workers.demo.shelves import LENGTH, TEXTS, Shelf, by_listing, by_picture, by_text, titles_of
from workers.demo.voice import Voice
from workers.neighbors import Asker
from workers.vectors.neighbors import Wanted

PRICES, SHELVES = 100, 14


@dataclass
class Tour:
    """One run; every method is a step, and leaves what it found in the fields."""

    settings: Settings
    voice: Voice
    listings: list[ListingEvent]
    bundled: bool
    on_sale: list[ListingEvent] = field(default_factory=list)
    """What got into the index, each listing as last published."""
    checks: list[Check] = field(default_factory=list)
    indexing: Told = Told(())
    changes: Told = Told(())
    """Outcomes of all events after the first of each listing."""
    indexing_seconds: float = 0.0
    dead_letters: dict[str, int] = field(default_factory=dict)
    like_listings: list[Shelf] = field(default_factory=list)
    like_pictures: list[Shelf] = field(default_factory=list)
    like_texts: list[Shelf] = field(default_factory=list)
    sales: list[Shelf] = field(default_factory=list)

    def index(self) -> None:
        """Publish every listing and wait until all can be found."""
        self.indexing, self.indexing_seconds = self._publish(self.listings)
        done = {each.listing_id for each in self.indexing.first if each.outcome == "indexed"}
        self.on_sale = [event for event in self.listings if event.listing_id in done]
        refused = self.indexing.counts.get("refused", 0)
        self._check("listings indexed or in the dead letters", len(self.listings), len(done) + refused)
        rate = len(done) / self.indexing_seconds
        self.voice.note(
            f"{len(done)} can be found, {self.indexing_seconds:.1f} s after the first was published: "
            f"{rate:.0f} listings a second, {self.indexing.encodes} pictures encoded"
        )
        if refused:
            self.dead_letters = by_reason(list(letters(self.settings)))
            reasons = ", ".join(f"{count} {reason}" for reason, count in self.dead_letters.items())
            self.voice.note(f"{refused} can't be used and are in the dead letters: {reasons}")
        if len(done) < FEWEST:
            raise CommandFailed(f"only {len(done)} pictures could be indexed; the demo needs {FEWEST}")

    def ask(self, asker: Asker) -> None:
        """Ask by listing, by a picture file and by text, and once with a filter."""
        queries = assorted(self.on_sale, SHELVES)
        others = [event for event in self.on_sale if event not in queries] or self.on_sale
        with self.voice.waiting("loading the model, for questions by picture and by text"):
            self.like_listings = [by_listing(asker, event) for event in queries]
            self.like_pictures = by_picture(asker, others, self.settings.data)
            self.like_texts = by_text(asker, TEXTS if self.bundled else titles_of(self.on_sale))
        for shelf in (self._closest(), self.like_pictures[0], self.like_texts[0]):
            kind = "listing" if shelf.listing_id else "picture" if shelf.picture else "text"
            self.voice.note(f"{kind:<8}{shelf.words[:32]!r:<36}{shelf.line()}")
        cheap = Wanted(
            k=LENGTH, max_price=3_000, currency="JPY", expression='attributes["condition"] == "new"', min_score=-1.0
        )
        found = by_listing(asker, queries[0], cheap)
        known = {event.listing_id: event for event in self.on_sale}
        fit = [event for each in found.neighbors if _is_cheap_and_new(event := known[each.listing_id])]
        self._check("answers that keep to the filter (new, at most ¥3,000)", len(found.neighbors), len(fit))
        self.voice.note(f"{'filter':<8}{'new, at most ¥3,000':<36}{found.line()}")

    def reprice(self) -> None:
        """Change prices: rows are written again, no picture is fetched or encoded."""
        events = [repriced(event) for event in assorted(self.on_sale, PRICES)]
        found = self._change(events)
        self._check("price changes that became a new row", len(events), found.counts.get("metadata", 0))
        self._check("pictures encoded for price changes", 0, found.encodes)
        typical = found.visible_ms(encoded=False)
        after = f", half of them within {typical.p50:.0f} ms" if typical else ""
        self.voice.note(f"{found.counts.get('metadata', 0)} rows written{after}; {found.encodes} pictures encoded")

    def sell(self, asker: Asker) -> None:
        """Sell some, put half of them on sale again, remove a few; and look at a shelf before and after."""
        story = self._closest()
        known = {event.listing_id: event for event in self.on_sale}
        query = known[story.listing_id]
        sold, relisted, removed = self._chosen(query, [each.listing_id for each in story.neighbors])
        before = by_listing(asker, query, label="Before")
        first = self._change([changed(event, status="sold_out") for event in sold])
        now = {event.listing_id: event for event in self.on_sale}
        second = self._change(
            [changed(now[event.listing_id], status="on_sale") for event in relisted]
            + [changed(now[event.listing_id], status="removed") for event in removed]
        )
        both = Told(first.outcomes + second.outcomes)
        self._check("sales and returns that became a new row", len(sold) + len(relisted), both.counts["metadata"])
        self._check("listings removed", len(removed), both.counts.get("removed", 0))
        self._check("pictures encoded for sales, returns and removals", 0, both.encodes)
        self._look_for(asker, query, sold, relisted, removed)
        away = {event.listing_id for event in sold} - {event.listing_id for event in relisted}
        marks = dict.fromkeys(away, "sold") | {event.listing_id: "removed" for event in removed}
        self.sales = [
            Shelf(**vars(before) | {"marks": {name: f"{word} next" for name, word in marks.items()}}),
            by_listing(asker, query, label="After the sale"),
            Shelf(
                **vars(by_listing(asker, query, Wanted(k=LENGTH, include_sold=True), label="Asked with --include-sold"))
                | {"marks": marks}
            ),
        ]

    def _look_for(
        self,
        asker: Asker,
        query: ListingEvent,
        sold: Sequence[ListingEvent],
        relisted: Sequence[ListingEvent],
        removed: Sequence[ListingEvent],
    ) -> None:
        """Ask for exactly those that were sold or removed: who answers?"""
        names = [event.listing_id for event in (*sold, *removed)]
        quoted = ", ".join(f'"{name}"' for name in names)
        any_of_them = {"k": len(names), "expression": f"listing_id in [{quoted}]", "keep_duplicates": True}
        shown = by_listing(asker, query, Wanted(**any_of_them)).neighbors
        with_sold = by_listing(asker, query, Wanted(include_sold=True, **any_of_them)).neighbors
        gone = {event.listing_id for event in removed}
        self._check("of those sold, shown again because they were relisted", len(relisted), len(shown))
        self._check("of those sold, shown with --include-sold", len(sold), len(with_sold))
        self._check("removed listings in any answer", 0, sum(each.listing_id in gone for each in (*shown, *with_sold)))
        self.voice.note(
            f"asked for these {len(names)} alone: {len(shown)} answer (relisted), "
            f"{len(with_sold)} with --include-sold; the {len(removed)} removed never do"
        )

    def _chosen(self, query: ListingEvent, near: list[str]) -> tuple[list[ListingEvent], ...]:
        """Who is sold, who of them is relisted, who is removed: the first four of the shelf, and some from all over."""
        count = len(self.on_sale)
        sales, removals = min(20, max(3, count // 4)), min(5, max(1, count // 10))
        known = {event.listing_id: event for event in self.on_sale}
        order = [known[name] for name in near[:4]]
        rest = [event for event in self.on_sale if event not in order and event != query]
        order += assorted(rest, sales + removals - len(order))
        sold = order[:3] + order[4 : sales + 1]
        return sold, order[2:3] + order[4 : sales // 2 + 3], order[3:4] + order[sales + 1 :]

    def _closest(self) -> Shelf:
        return max(self.like_listings, key=lambda shelf: shelf.closeness)

    def _change(self, events: Sequence[ListingEvent]) -> Told:
        """Publish changes, wait, and keep what they made of their listings."""
        found, _ = self._publish(events)
        self.changes = Told(self.changes.outcomes + found.outcomes)
        newest = {event.listing_id: event for event in events}
        self.on_sale = [newest.get(event.listing_id, event) for event in self.on_sale]
        return found

    def _publish(self, events: Iterable[ListingEvent]) -> tuple[Told, float]:
        events = list(events)
        started = time.monotonic()
        publisher = Publisher(self.settings)
        for event in events:
            publisher.publish(event)
            self.voice.live(f"{publisher.delivered.published} of {len(events)} published")
        delivered = publisher.close()
        if delivered.failed:
            raise CommandFailed(f"{delivered.failed} events were not confirmed: {delivered.errors[0]}", 3)
        self.voice.note(f"{delivered.published} events confirmed by Kafka after {time.monotonic() - started:.1f} s")
        drain(self.settings, len(events), self.voice)
        return told(self.settings).of(events), time.monotonic() - started

    def _check(self, claim: str, expected: int, found: int) -> None:
        self.checks.append(Check(claim, expected, found))
        if expected != found:
            self.voice.note(f"NOT AS IT MUST BE: {claim}: {found}, should be {expected}")


def _is_cheap_and_new(event: ListingEvent) -> bool:
    return (event.price_minor or 0) <= 3_000 and event.attributes.get("condition") == "new"
