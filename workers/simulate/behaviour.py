"""What people do with a shelf: how much an item attracts them, what they click, keep, buy, and send back."""

import numpy as np

from workers.simulate.draws import Flags, Floats, Ints, Small
from workers.simulate.examination_model import UNHEARD, WIDTH, depth, looked_at, trust
from workers.simulate.shelf import CANCEL, CLICK, LIKE, PURCHASE, SEEN, Actions, Shelves, together

MOST = 0.4
"""How likely the most attractive item is clicked, once looked at."""
_CENTRE, _WIDTH = 0.76, 0.07  # likeness at which half of MOST is reached, and how sharply
_TASTE = 0.12  # a user's own taste beside the likeness
HARD = 0.6
"""How much less the hard categories attract."""
LIKES, BUYS, CANCELS = 0.2, 0.06, 0.08
"""Of attracted clicks that many are kept, lead to a purchase where the thing is still there; of purchases undone."""
_BOTS_CLICK = 0.7  # of the places
_SECOND, _HOUR = 1_000_000, 3_600_000_000
_LATEST_CLICK = 1_200.0  # s: whoever comes back later asks for a new shelf


def attraction(likeness: Floats, taste: Floats, factor: Floats) -> Floats:
    """How likely each item (n, k) is clicked once looked at; `factor` (n,) is the day's and the category's."""
    logit = (likeness + _TASTE * taste - _CENTRE) / _WIDTH
    return np.minimum(MOST / (1 + np.exp(-logit)) * factor[:, None], 0.95)


def visit(draw: np.random.Generator, shelves: Shelves, attracts: Floats, bot: Flags, first_trust: float) -> Actions:
    """What is seen, clicked, kept and meant to be bought on `shelves`, in no order.

    A purchase here is an intention: it comes about if the listing is still there at its time.
    """
    count = len(shelves.at)
    heard = draw.random(count) >= UNHEARD
    visible = np.where(bot, WIDTH, depth(shelves.layout, draw.random(count)))
    looked = looked_at(shelves.layout, visible, draw.random((count, WIDTH)))
    attracted = looked & (draw.random((count, WIDTH)) < attracts)
    trusted = looked & ~attracted & (draw.random((count, WIDTH)) < trust(first_trust))
    at_random = draw.random((count, WIDTH)) < _BOTS_CLICK
    attracted &= (heard & ~bot)[:, None]
    clicked = np.where(bot[:, None], at_random, (attracted | trusted) & heard[:, None])
    pause = 1.5 + 1.2 * np.arange(WIDTH) + draw.exponential(20, (count, WIDTH))
    pause = np.where(bot[:, None], 0.2 * (1 + np.arange(WIDTH)), np.minimum(pause, _LATEST_CLICK))
    told = heard & (visible > 0)
    row = np.flatnonzero(told)
    seen_at = shelves.at[row] + ((0.6 + 0.4 * visible[row] + draw.exponential(1, count)[row]) * _SECOND).astype(
        np.int64
    )
    seen = _actions(shelves, row, visible[row] - 1, seen_at, SEEN)
    row, place = np.nonzero(clicked)
    click_at = shelves.at[row] + (pause[row, place] * _SECOND).astype(np.int64)
    clicks = _actions(shelves, row, place, click_at, CLICK)
    return together(seen, clicks, *_after(draw, clicks.where(attracted[row, place])))


def _after(draw: np.random.Generator, clicks: Actions) -> tuple[Actions, Actions]:
    count = len(clicks)
    kept, bought = draw.random(count) < LIKES, draw.random(count) < BUYS
    kept_at = clicks.at + (5 * _SECOND + draw.exponential(120 * _SECOND, count)).astype(np.int64)
    # An hour at least, so that every purchase of an hour is known when it begins; half within 11 h, 1.5 % after 7 d.
    bought_at = clicks.at + _HOUR + (draw.lognormal(np.log(10), 1.3, count) * _HOUR).astype(np.int64)
    return clicks.later(LIKE, kept_at).where(kept), clicks.later(PURCHASE, bought_at).where(bought)


def cancels(draw: np.random.Generator, purchases: Actions) -> Actions:
    """Those of `purchases` that are undone, a day or so later."""
    count = len(purchases)
    at = purchases.at + _HOUR + (draw.lognormal(np.log(24), 1, count) * _HOUR).astype(np.int64)
    return purchases.later(CANCEL, at).where(draw.random(count) < CANCELS)


def _actions(shelves: Shelves, row: Ints, place: Ints, at: Ints, kind: int) -> Actions:
    kinds: Small = np.full(len(row), kind, np.int8)
    return Actions(at, shelves.number[row], kinds, place + 1, shelves.listing[row, place])
