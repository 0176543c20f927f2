"""The demo's listings: pictures dressed up with invented prices, sellers and brands, and how they change."""

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from schemas.listing import ListingEvent
from streams.errors import UsageError
from streams.picture_folder import listings_of

BUNDLED = Path(__file__).parent / "pictures"
FEWEST = 10
"""Pictures without which there is nothing to show: a query, eight neighbours and one more."""

_BRANDS = ("Akari", "Borealis", "Cobble & Pine", "Hinode", "Kestrel", "Marrow", "Otter Goods", "Tsumiki")
_CONDITIONS = ("new", "like new", "used")


def catalogue(folder: Path) -> list[ListingEvent]:
    """Every picture below `folder` as a listing; raises UsageError where there are too few."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    found = [_dressed(event) for event in listings_of(folder.resolve(), Counter(), version=_now())]
    if not found:
        raise UsageError(f"there is no JPEG, PNG or WebP below {folder}")
    if len(found) < FEWEST:
        raise UsageError(
            f"only {len(found)} pictures below {folder}; the demo needs {FEWEST} to have neighbours to show"
        )
    return found


def changed(event: ListingEvent, **fields: Any) -> ListingEvent:
    """The listing with `fields` changed, as its next event: whole, and at a higher version."""
    version = max(_now(), event.version + 1)
    return event.model_copy(
        update={"event": "listing-updated", "version": version, "occurred_at": datetime.now(UTC), **fields}
    )


def repriced(event: ListingEvent) -> ListingEvent:
    """A tenth cheaper."""
    return changed(event, price_minor=(event.price_minor or 0) * 9 // 10)


def assorted(listings: Iterable[ListingEvent], count: int) -> list[ListingEvent]:
    """`count` of the listings, from as many categories as possible; the same ones each time.

    Which one stands for its category is decided by the listing's id, a hash: nobody has chosen it.
    """
    shelves: dict[tuple[str, ...], list[ListingEvent]] = defaultdict(list)
    for event in sorted(listings, key=lambda event: (event.category, event.listing_id)):
        shelves[event.category].append(event)
    rounds = chain.from_iterable(zip_longest(*shelves.values()))
    in_turn = [event for event in rounds if event is not None]
    wide = in_turn[: max(count, len(shelves))]
    count = min(count, len(wide))
    return [wide[index * len(wide) // count] for index in range(count)]


def yen(price: int | None) -> str:
    """A price as the gallery shows it.

    >>> yen(12300)
    '¥12,300'
    """
    return "" if price is None else f"¥{price:,}"


def _dressed(event: ListingEvent) -> ListingEvent:
    """With what a marketplace knows of a listing; drawn from its id, so that each run invents the same."""
    draw = hashlib.sha256(event.listing_id.encode()).digest()
    return event.model_copy(
        update={
            "occurred_at": datetime.now(UTC),
            "brand": _BRANDS[draw[0] % len(_BRANDS)],
            "price_minor": round(300 * 100 ** (draw[1] / 255) / 100) * 100,  # 300 to 30,000 yen, most of them cheap
            "currency": "JPY",
            "seller_id": f"u{draw[2] % 40:02}",
            "attributes": {"market": "JP", "condition": _CONDITIONS[draw[3] % 3], "authenticated": draw[4] % 4 == 0},
        }
    )


def _now() -> int:
    return time.time_ns() // 1_000
