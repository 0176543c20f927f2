"""How the order of a shelf is drawn, and exactly how likely each item was to stand where it stands."""

from typing import get_args

import numpy as np

from schemas.interaction import Drawn
from workers.simulate.draws import Flags, Floats, Ints
from workers.simulate.examination_model import WIDTH
from workers.simulate.ranking import merged

DRAWN: tuple[Drawn, ...] = get_args(Drawn)
NO, SWAP = DRAWN.index("no"), DRAWN.index("swap")
SHUFFLE, INTERLEAVE = DRAWN.index("shuffle"), DRAWN.index("interleave")
_ROUNDS = WIDTH // 2
_COINS = (np.arange(2**_ROUNDS)[:, None] >> np.arange(_ROUNDS)) % 2 == 1
"""Every way in which the coins of a team draft may fall, all equally likely."""


def swapped(odd: Flags, coins: Flags) -> tuple[Ints, Floats]:
    """Neighbours that change places: which place each item comes from, and its propensity, (n, WIDTH) both.

    Pairs begin at the first place, or at the second where `odd` (n,); each pair changes places by its coin (n, WIDTH
    / 2). An item between the ends stays with 1/2 and goes either way with 1/4; at an end it stays with 3/4.
    """
    origin = np.tile(np.arange(WIDTH), (len(odd), 1))
    for pair in range(_ROUNDS):
        left = 2 * pair + odd.astype(np.int64)
        rows = np.flatnonzero(coins[:, pair] & (left + 1 < WIDTH))
        origin[rows, left[rows]], origin[rows, left[rows] + 1] = left[rows] + 1, left[rows]
    stays = np.full(WIDTH, 0.5)
    stays[[0, -1]] = 0.75
    return origin, np.where(origin == np.arange(WIDTH), stays, 0.25)


def shuffled(uniform: Floats) -> tuple[Ints, Floats]:
    """Every order equally likely, by `uniform` numbers (n, WIDTH): where each item comes from, and its propensity."""
    origin = np.argsort(uniform, axis=1, kind="stable")
    return origin, np.full(origin.shape, 1 / WIDTH)


def interleaved(live: Ints, anchor: Ints, coins: Flags) -> tuple[Ints, Flags, Floats]:
    """A team draft: the shelf, which items are the anchor's, and how likely each was to stand there, in all drafts."""
    count, ways = len(live), len(_COINS)
    shelf, team = merged(live, anchor, coins)
    every, _ = merged(live.repeat(ways, axis=0), anchor.repeat(ways, axis=0), np.tile(_COINS, (count, 1)))
    same = every.reshape(count, ways, WIDTH) == shelf[:, None, :]
    return shelf, team, same.mean(axis=1)
