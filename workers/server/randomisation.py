"""Which shelves are drawn and how: decided by chance alone, before anything is searched."""

from dataclasses import dataclass, field
from typing import Annotated

import typer

from schemas.interaction import Drawn
from workers.server.exploration import Exploration
from workers.server.seeded_random import SeededRandom


@dataclass(frozen=True)
class Shares:
    """The operator's choice: of all shelves, `interleave` and `explore`, each 0 … 1, together at most 1."""

    interleave: Annotated[
        float, typer.Option(min=0, max=1, help="Share of shelves that interleave the live model with --anchor.")
    ] = 0.0
    explore: Annotated[float, typer.Option(min=0, max=1, help="Share of shelves in a randomised order.")] = 0.0
    how: Exploration = field(default_factory=Exploration)


def plan(random: SeededRandom, shares: Shares) -> Drawn:
    """How the order of this request's shelf is drawn."""
    share = random.uniform("plan")
    if share < shares.interleave:
        return "interleave"
    return shares.how.kind if share < shares.interleave + shares.explore else "no"
