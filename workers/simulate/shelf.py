"""What an hour brings, as parallel arrays: shelves, what was done on them, and which listings came and went."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from schemas.interaction import KINDS
from workers.simulate.draws import Flags, Floats, Ints, Small

EVENTS = tuple(KINDS)
SEEN, CLICK, LIKE, PURCHASE, CANCEL = map(EVENTS.index, ("seen", "click", "like", "purchase", "cancel"))
SHELF_BITS = 24
"""A shelf's number is its hour's, then as many bits for its place within the hour."""


@dataclass(frozen=True)
class Shelves:
    """n shelves of one hour, in the order of their times; per place (n, WIDTH)."""

    number: Ints
    at: Ints
    user: Ints
    query: Ints
    surface: Ints
    layout: Ints
    drawn: Ints
    app: Ints
    listing: Ints
    score: Floats
    propensity: Floats
    """NaN where the order was not drawn."""
    anchors: Flags
    """Interleaved: the anchor's items."""


@dataclass(frozen=True)
class Actions:
    """m events that point to a shelf. Of `seen`, `place` is how many places were visible, from the first on."""

    at: Ints
    shelf: Ints
    kind: Small
    place: Ints
    listing: Ints

    @classmethod
    def none(cls) -> Self:
        """No event."""
        empty = np.zeros(0, np.int64)
        return cls(empty, empty, np.zeros(0, np.int8), empty, empty)

    def __len__(self) -> int:
        return len(self.at)

    def where(self, chosen: Flags | Ints) -> "Actions":
        """Those that are `chosen`, by mask or by number."""
        return Actions(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def ordered(self) -> "Actions":
        """In the order of their times; at one time by shelf, kind and place."""
        return self.where(np.lexsort((self.place, self.kind, self.shelf, self.at)))

    def later(self, kind: int, at: Ints) -> "Actions":
        """What follows each of them, on the same listing."""
        return Actions(at, self.shelf, np.full(len(self), kind, np.int8), self.place, self.listing)


def together(*parts: Actions) -> Actions:
    """All of them."""
    return Actions(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Actions)))


@dataclass(frozen=True)
class Hour:
    """What is known of one hour: its shelves and all that was done in it, also on shelves of earlier hours."""

    number: int
    shelves: Shelves
    actions: Actions
    created: Ints
    """Listings that came in, in the order of their times (before the first hour: the first stock)."""
    gone: Ints
    """Listings that left, in the order of their times."""
