"""What a shop wants of a shelf: filters, caps, a floor and diversity; pure decisions over candidates."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import Self

import numpy as np

from workers.milvus.candidates import EF, Candidate, Hides, visible_candidates
from workers.milvus.neighbors import SearchOptions
from workers.server.diversity import mmr
from workers.server.options import ShelfOptions


@dataclass(frozen=True)
class Policy:
    """The options of one shelf, after the request's own and the server's defaults were put together."""

    k: int = 10
    category: str | None = None
    """A path such as `fashion/shoes`; it and everything below it."""
    max_price: int | None = None
    """In the minor unit of `currency`."""
    currency: str | None = None
    include_sold: bool = False
    one_picture: bool = True
    """Of listings with the very same picture the nearest alone."""
    per_seller: int = 0
    """At most so many of one seller; 0: no cap."""
    other_sellers: bool = False
    """The query's own seller is left out."""
    min_score: float | None = None
    diversity: float = 0.0
    """Weight of unlikeness within the shelf, 0 … 1: see `diversity.mmr`."""

    @classmethod
    def by_default(cls, shelf: ShelfOptions, most: int) -> Self:
        """The policy of a request that asks for nothing itself, on a server that shows at most `most` items."""
        return cls(
            k=min(shelf.k, most),
            include_sold=shelf.include_sold,
            one_picture=not shelf.keep_duplicates,
            per_seller=shelf.per_seller,
            other_sellers=shelf.other_sellers,
            min_score=shelf.min_score,
            diversity=shelf.diversity,
        )

    @property
    def name(self) -> str:
        """The policy id. Of filters that visitors set it says that they are set, not to what: that is no policy.

        >>> Policy(per_seller=2, min_score=0.3, category="shoes").name
        'k10.ef128.seller2.floor0.3.category'
        """
        parts = {
            f"k{self.k}.ef{max(EF, self.first)}": True,
            "twins": not self.one_picture,
            f"seller{self.per_seller}": self.per_seller > 0,
            "others": self.other_sellers,
            f"floor{self.min_score:g}" if self.min_score is not None else "": self.min_score is not None,
            f"mmr{self.diversity:g}": self.diversity > 0,
            "sold": self.include_sold,
            "category": self.category is not None,
            "price": self.max_price is not None,
            "currency": self.currency is not None,
        }
        return ".".join(part for part, holds in parts.items() if holds)

    @property
    def first(self) -> int:
        """How many candidates are asked for first: some more than are shown, and a choice to be diverse in."""
        return (4 if self.diversity else 1) * self.k + 20

    def widened_by(self, other: "Policy") -> str:
        """The first option by which `other` would show what this policy leaves out; empty when it only narrows.

        >>> Policy(per_seller=2).widened_by(Policy(per_seller=0)), Policy(per_seller=2).widened_by(Policy(per_seller=1))
        ('per_seller', '')
        """
        uncapped = 1_000_000
        floors = [-1.0 if each.min_score is None else each.min_score for each in (self, other)]
        wider = {
            "include_sold": other.include_sold and not self.include_sold,
            "one_picture": self.one_picture and not other.one_picture,
            "per_seller": (other.per_seller or uncapped) > (self.per_seller or uncapped),
            "other_sellers": self.other_sellers and not other.other_sellers,
            "min_score": floors[1] < floors[0],
        }
        return next((name for name, is_wider in wider.items() if is_wider), "")

    def filter(self, *, without: str | None, seller_id: str) -> str:
        """As a filter of Milvus, for a query by the listing `without` of `seller_id`."""
        wanted = SearchOptions(
            category=self.category,
            max_price=self.max_price,
            currency=self.currency,
            include_sold=self.include_sold,
            public=True,
        )
        return wanted.filter(without=without, without_seller=seller_id if self.other_sellers else "")


class Caps:
    """Which items fit beside those on the shelf: no listing twice, a picture once, a seller a few times.

    `picture` is the hash of the query's own, which is not shown again.
    """

    def __init__(self, policy: Policy, picture: str | None = None) -> None:
        self._policy = policy
        self._listings: set[str] = set()
        self._pictures = {picture}
        self._sellers: Counter[str] = Counter()

    def take(self, item: Candidate) -> bool:
        """Whether `item` fits; if so it counts from here on."""
        cap = self._policy.per_seller
        if (
            item.listing_id in self._listings
            or (self._policy.one_picture and item.image_hash in self._pictures)
            or (cap and item.seller_id and self._sellers[item.seller_id] >= cap)
        ):
            return False
        self._listings.add(item.listing_id)
        self._pictures.add(item.image_hash)
        self._sellers[item.seller_id] += 1
        return True


def rank(
    candidates: list[Candidate], policy: Policy, count: int, *, hides: Hides, picture: str | None = None
) -> list[Candidate]:
    """Up to `count` of the candidates (nearest first) that may be shown and fit together, best first."""
    left = list(visible_candidates(candidates, hides, floor=policy.min_score))
    caps = Caps(policy, picture)
    if not policy.diversity:
        return list(islice((each for each in left if caps.take(each)), count))
    vectors = [each.vector for each in left if each.vector is not None]
    if not vectors:
        return []
    scores = np.array([each.score for each in left])
    order = mmr(scores, np.stack(vectors), policy.diversity, count, lambda number: caps.take(left[number]))
    return [left[number] for number in order]
