"""The sale: which listings are sold, put back or removed, and who can still be found after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schemas.listing import ListingEvent
from workers.demo.catalogue import assorted
from workers.demo.market import Market
from workers.milvus.neighbors import SearchOptions
from workers.milvus.row import quoted
from workers.operations.search import Asker


@dataclass(frozen=True)
class Sale:
    """What happens; `relisted` are among those sold."""

    sold: list[ListingEvent]
    relisted: list[ListingEvent]
    removed: list[ListingEvent]

    @property
    def marks(self) -> dict[str, str]:
        """A word for each listing that is not on sale in the end."""
        back = {event.listing_id for event in self.relisted}
        gone = {event.listing_id: "sold" for event in self.sold if event.listing_id not in back}
        return gone | {event.listing_id: "removed" for event in self.removed}


def plan(listings: Sequence[ListingEvent], query: ListingEvent, near: Sequence[str]) -> Sale:
    """20 sold, 10 of them relisted, 5 removed; fewer of a small catalogue.

    Of the query's own shelf (`near`, nearest first) two are sold, one is sold and relisted, one removed, so that it
    can be seen; the others come from all categories.
    """
    sales, removals = min(20, max(3, len(listings) // 4)), min(5, max(1, len(listings) // 10))
    known = {event.listing_id: event for event in listings}
    order = [known[name] for name in near[:4]]
    rest = [event for event in listings if event not in order and event.listing_id != query.listing_id]
    order += assorted(rest, sales + removals - len(order))
    shelf, others = order[:4], order[4:]
    return Sale(
        sold=shelf[:3] + others[: sales - 3],
        relisted=shelf[2:3] + others[: sales // 2 - 1],
        removed=shelf[3:4] + others[sales - 3 :],
    )


def look_for(market: Market, asker: Asker, query: ListingEvent, sale: Sale) -> None:
    """Ask for those of the sale and nothing else, and check who answers."""
    marks = sale.marks
    names = ", ".join(quoted(event.listing_id) for event in (*sale.sold, *sale.removed))
    count = len(sale.sold) + len(sale.removed)
    alone: dict[str, Any] = {"k": count, "expression": f"listing_id in [{names}]", "keep_duplicates": True}
    plain = [each.listing_id for each in asker.by_listing(query.listing_id, SearchOptions(**alone)).neighbors]
    all_of_them = asker.by_listing(query.listing_id, SearchOptions(include_sold=True, **alone)).neighbors
    with_sold = [each.listing_id for each in all_of_them]
    market.check("relisted listings that answer again", len(sale.relisted), sum(each not in marks for each in plain))
    market.check("sold listings that answer unasked", 0, sum(marks.get(each) == "sold" for each in plain))
    market.check("sold and relisted listings that answer with --include-sold", len(sale.sold), len(with_sold))
    market.check(
        "removed listings that answer at all", 0, sum(marks.get(each) == "removed" for each in plain + with_sold)
    )
    market.voice.note(
        f"asked for these {count} alone: {len(plain)} answer (the relisted), {len(with_sold)} with --include-sold; "
        f"the {len(sale.removed)} removed never do"
    )
