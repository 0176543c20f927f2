"""Randomising the order of a shelf, with the exact probability of each item at its place.

The probabilities are those given that the shelf was drawn this way (`drawn` says so); how many shelves are, is the
operator's choice and no part of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

import typer

from workers.server.seeded_random import SeededRandom

Kind = Literal["swap", "shuffle"]
Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Exploration:
    """How orders are drawn: `top` places from the first on, the others stay as they are."""

    kind: Annotated[
        Kind,
        typer.Option("--explore-by", help="How an order is randomised; swap: neighbours; shuffle: all --explore-top."),
    ] = "swap"
    top: Annotated[
        int,
        typer.Option("--explore-top", min=2, max=200, help="Positions that are randomised, counted from the first."),
    ] = 10


def explore(items: Sequence[Shown], how: Exploration, random: SeededRandom) -> list[tuple[Shown, float]]:
    """The items in a drawn order, each with the probability with which it stands where it stands."""
    count = min(how.top, len(items))
    order = shuffled(count, random) if how.kind == "shuffle" else swapped(count, random)
    probability = shuffle_probability if how.kind == "shuffle" else swap_probability
    drawn = [(items[rank], probability(count, rank, place)) for place, rank in enumerate(order)]
    return drawn + [(each, 1.0) for each in items[count:]]


def shuffled(count: int, random: SeededRandom) -> list[int]:
    """Any order of `count` items, each as likely (Fisher and Yates): the rank that stands at each place, from 0."""
    order = list(range(count))
    for place in range(count - 1, 0, -1):
        other = random.randrange(place + 1, "shuffle")
        order[place], order[other] = order[other], order[place]
    return order


def shuffle_probability(count: int, rank: int, place: int) -> float:
    """That the item of `rank` stands at `place`."""
    return 1 / count if rank < count and place < count else float(rank == place)


def swapped(count: int, random: SeededRandom) -> list[int]:
    """Neighbours swapped: pairs from the first or from the second place on, by a coin; each pair turned by a coin.

    FairPairs (Radlinski and Joachims, 2006). An item moves by one place at most.
    """
    order = list(range(count))
    for place in range(int(random.bernoulli("pairs")), count - 1, 2):
        if random.bernoulli("swap"):
            order[place], order[place + 1] = order[place + 1], order[place]
    return order


def swap_probability(count: int, rank: int, place: int) -> float:
    """That the item of `rank` stands at `place`: of two ways to pair, each that pairs it leaves it with 1/2.

    >>> [swap_probability(4, rank, 0) for rank in range(4)]
    [0.75, 0.25, 0.0, 0.0]
    """
    if abs(rank - place) == 1 and max(rank, place) < count:
        return 0.25
    partners = (rank > 0) + (rank + 1 < count) if rank < count else 0
    return 1 - 0.25 * partners if rank == place else 0.0
