"""The tour: index, ask, change prices, sell; each step published to Kafka, awaited, and checked by what was told."""

from dataclasses import dataclass, field, replace
from typing import Any

from schemas.listing import ListingEvent
from streams.dead_letters import count_by_reason, read_dead_letters
from streams.errors import LookalikeError
from workers.demo.catalogue import FEWEST, assorted, changed, repriced
from workers.demo.figures import ReportedOutcomes
from workers.demo.market import Market
from workers.demo.sale import look_for, plan
from workers.demo.shelves import LENGTH, TEXTS, Shelf, by_listing, by_picture, by_text, titles_of
from workers.milvus.neighbors import SearchOptions
from workers.operations.search import Asker

PRICES, SHELVES = 100, 14
_CHEAP = 3_000  # yen; about half of the invented prices


@dataclass
class Tour:
    """One run; every method is a step, and leaves what it found in the fields."""

    market: Market
    listings: list[ListingEvent]
    bundled: bool
    """Whether these are the bundled pictures, which have texts of their own."""
    indexing: ReportedOutcomes = field(default_factory=ReportedOutcomes)
    indexing_seconds: float = 0.0
    dead_letters: dict[str, int] = field(default_factory=dict)
    like_listings: list[Shelf] = field(default_factory=list)
    like_pictures: list[Shelf] = field(default_factory=list)
    like_texts: list[Shelf] = field(default_factory=list)
    sales: list[Shelf] = field(default_factory=list)

    def index(self) -> None:
        """Publish every listing and wait until all can be found; LookalikeError where too few can."""
        market = self.market
        self.indexing, self.indexing_seconds = market.publish(self.listings)
        done = {each.listing_id for each in self.indexing.first if each.outcome == "indexed"}
        market.indexed = [event for event in self.listings if event.listing_id in done]
        refused = self.indexing.counts.get("refused", 0)
        market.check("listings that are indexed, or dead letters", len(self.listings), len(done) + refused)
        market.voice.note(
            f"{len(done)} can be found, {self.indexing_seconds:.1f} s after the first was published: "
            f"{self.rate:.0f} listings a second, {self.indexing.encodes} pictures encoded"
        )
        if refused:
            self.dead_letters = count_by_reason(list(read_dead_letters(market.settings)))
            reasons = ", ".join(f"{count} {reason}" for reason, count in self.dead_letters.items())
            market.voice.note(f"{refused} can't be used and are dead letters now: {reasons}")
        if len(done) < FEWEST:
            raise LookalikeError(f"only {len(done)} pictures could be indexed; the demo needs {FEWEST}")

    @property
    def rate(self) -> float:
        """Listings indexed a second, from the first event published to lag 0."""
        return len(self.market.indexed) / self.indexing_seconds

    def ask(self, asker: Asker) -> None:
        """Ask by listing, by picture and by text, and once with a filter."""
        indexed, voice = self.market.indexed, self.market.voice
        queries = assorted(indexed, SHELVES)
        others = [event for event in indexed if event not in queries] or indexed
        with voice.waiting("asking; the model is loaded here too, for pictures and texts"):
            self.like_listings = [by_listing(asker, event) for event in queries]
            self.like_pictures = by_picture(asker, others, self.market.settings.data)
            self.like_texts = by_text(asker, TEXTS if self.bundled else titles_of(indexed))
        for kind, shelf in (
            ("listing", self._closest()),
            ("picture", self.like_pictures[0]),
            ("text", self.like_texts[0]),
        ):
            voice.note(f"{kind:<8} {shelf.words[:28]:<30}{shelf.line()}")
        cheap = SearchOptions(k=LENGTH, max_price=_CHEAP, currency="JPY", expression='attributes["condition"] == "new"')
        found = by_listing(asker, queries[0], cheap)
        known = {event.listing_id: event for event in indexed}
        fit = sum(_is_cheap_and_new(known[each.listing_id]) for each in found.neighbors)
        self.market.check("answers that keep to the filter", len(found.neighbors), fit)
        voice.note(f"{'filter':<8} {f'new, at most ¥{_CHEAP:,}':<30}{found.line()}")

    def reprice(self) -> None:
        """Change prices: rows are written again, no picture is fetched or encoded."""
        events = [repriced(event) for event in assorted(self.market.indexed, PRICES)]
        found = self.market.change(events)
        rows, typical = found.counts.get("metadata", 0), found.visible_ms(encoded=False)
        self.market.check("price changes that became a new row", len(events), rows)
        self.market.check("pictures encoded for price changes", 0, found.encodes)
        after = f", half of them within {typical.p50:.0f} ms" if typical else ""
        self.market.voice.note(f"{rows} rows have the new price{after}; {found.encodes} pictures encoded")

    def sell(self, asker: Asker) -> None:
        """Sell some, put half of them on sale again, remove a few; and look at a shelf before and after."""
        market, story = self.market, self._closest()
        query = next(event for event in market.indexed if event.listing_id == story.listing_id)
        sale = plan(market.indexed, query, [each.listing_id for each in story.neighbors])
        before = by_listing(asker, query)
        sold = market.change([changed(event, status="sold_out") for event in sale.sold])
        back = [changed(event, status="on_sale") for event in market.current(sale.relisted)]
        away = [changed(event, status="removed") for event in market.current(sale.removed)]
        both = ReportedOutcomes(sold.outcomes + market.change(back + away).outcomes)
        market.check("sales and returns that became a new row", len(sale.sold) + len(back), both.counts["metadata"])
        market.check("listings removed", len(away), both.counts.get("removed", 0))
        market.check("pictures encoded for sales, returns and removals", 0, both.encodes)
        look_for(market, asker, query, sale)
        after = by_listing(asker, query)
        with_sold = by_listing(asker, query, SearchOptions(k=LENGTH, include_sold=True))
        soon = {name: f"soon {mark}" for name, mark in sale.marks.items()}
        self.sales = [
            replace(before, label="Before the sale", marks=soon),
            replace(after, label="After it"),
            replace(with_sold, label="After it, asked with --include-sold", marks=sale.marks),
        ]

    def count(self, state: dict[str, Any]) -> None:
        """Compare the rows in the index (`lookalike status`) with what the events made of the listings."""
        for status in ("on_sale", "sold_out"):
            expected = sum(event.status == status for event in self.market.indexed)
            self.market.check(f"rows {status}", expected, state["rows"][status])

    def _closest(self) -> Shelf:
        return max(self.like_listings, key=lambda shelf: shelf.closeness)


def _is_cheap_and_new(event: ListingEvent) -> bool:
    return (event.price_minor or 0) <= _CHEAP and event.attributes.get("condition") == "new"
