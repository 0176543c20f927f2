"""The hidden truth: how good each model is, day by day, what people would do if they saw everything, and who is a bot.

Gains are attractions: how likely an item is clicked once it is looked at. So DCG@5 here is what a position-corrected
DCG@5 of clicks estimates, but for trust, which adds clicks that no item earned.
"""

from collections import defaultdict
from datetime import timedelta
from typing import Any

import numpy as np

from workers.simulate.behaviour import BUYS, CANCELS, LIKES, attraction
from workers.simulate.draws import Flags, Floats, Ints, Vectors
from workers.simulate.examination_model import LAYOUTS, UNHEARD, trust
from workers.simulate.ids import Names
from workers.simulate.inventory import SCALE, SQUARE
from workers.simulate.market import HOUR, Market, Trace
from workers.simulate.order import NO
from workers.simulate.ranking import best
from workers.simulate.shelf import EVENTS

K = 5
_DISCOUNT = 1 / np.log2(np.arange(K) + 2)
_ASKED = 12
"""Queries of each hour for which both models are asked, and all that is on sale is looked through."""


def dcg(gains: Floats) -> Floats:
    """DCG@5, linear gain, of rows in the order shown.

    >>> dcg(np.array([[1.0, 0.0, 1.0, 0.0, 0.0, 9.0]])).tolist()
    [1.5]
    """
    total: Floats = gains[:, :K] @ _DISCOUNT
    return total


def ideal(gains: Floats) -> Floats:
    """The greatest DCG@5 that an order of each row could have."""
    return dcg(-np.sort(-gains, axis=1))


class Truth:
    """Adds up what is true while a market goes by; it draws nothing, so it changes nothing."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._days: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._models: dict[int, list[Floats]] = defaultdict(list)
        self._new: dict[int, list[Flags]] = defaultdict(list)

    def add(self, trace: Trace) -> None:
        """One hour; to be called before the next one is asked for."""
        day, shelves = self._days[trace.day.number], trace.hour.shelves
        day["shelves"] += len(shelves.at)
        day["bot_shelves"] += float(trace.bot.sum())
        for kind, name in enumerate(EVENTS[1:], 1):
            day[name] += float((trace.hour.actions.kind == kind).sum())
        usual = ~trace.bot & (shelves.drawn == NO)
        shown = trace.attracts[usual]
        day["usual"] += len(shown)
        day["dcg"] += float(dcg(shown).sum())
        day["ndcg"] += float((dcg(shown) / ideal(shown)).sum())
        for code, layout in enumerate(LAYOUTS):
            day[layout.name] += float((shelves.layout == code).sum())
        self._ask(trace, np.flatnonzero(~trace.bot)[:_ASKED])

    def _ask(self, trace: Trace, rows: Ints) -> None:
        """Both models, and who knows everything, about some of the hour's queries."""
        market, day, shelves = self._market, trace.day, trace.hour.shelves
        begin = market.setup.midnight + trace.hour.number * HOUR
        items, query, user = market.stock.open(begin, begin), shelves.query[rows], shelves.user[rows]
        truth: Vectors = day.truth[items]
        likeness = (day.truth[query] @ truth.T).astype(np.float64) / SQUARE
        taste = market.people.taste[user] @ truth.T.astype(np.float64) / SCALE
        category = market.stock.all.category[query]
        attracts = attraction(likeness, taste, day.factor[category])
        # A stale shop still shows the pages of listings that are gone.
        own = np.searchsorted(items, query)
        there = (own < len(items)) & (items[np.minimum(own, len(items) - 1)] == query)
        attracts[np.flatnonzero(there), own[there]] = 0
        best_possible = dcg(-np.sort(-np.partition(attracts, -K, axis=1)[:, -K:], axis=1))
        found = [
            dcg(np.take_along_axis(attracts[there], best(seen[query[there]], seen[items], own[there], K)[0], axis=1))
            for seen in (day.live, day.anchor)
        ]
        self._models[day.number].append(np.stack([*found, best_possible[there]]))
        self._new[day.number].append(market.kinds.new[category[there]])

    def document(self, names: Names) -> dict[str, Any]:
        """All of it, as JSON."""
        market, setup = self._market, self._market.setup
        return {
            "scenario": [
                {
                    "name": each.name,
                    "date": str(setup.start + timedelta(each.first)),
                    "ramp_days": each.ramp,
                    "days": each.days,
                    "size": each.size,
                    "means": each.words,
                    "should_be_found": each.finding,
                }
                for each in market.setup.calendar.held.values()
            ],
            "retraining_is_right": any(not each.harmless for each in setup.calendar.held.values()),
            "setup": {
                "seed": setup.seed,
                "run": market.tag,
                "start": str(setup.start),
                "days": setup.days,
                "shelves_per_day": setup.shelves_per_day,
                "listings": setup.listings,
                "interleaved": setup.interleaved,
                "randomised": setup.randomised,
            },
            "models": {
                names.live: {"role": "live", "error": setup.live, "error_in_new_categories": setup.unknown},
                names.anchor: {"role": "anchor", "error": setup.anchor, "error_in_new_categories": setup.unknown},
            },
            "behaviour": {
                "unheard": UNHEARD,
                "likes_of_clicks": LIKES,
                "purchases_of_clicks": BUYS,
                "cancels": CANCELS,
                "trust": [round(float(each), 5) for each in self._trust()],
            },
            "examination": {
                each.name: {
                    "visible": list(each.visible),
                    "looked_at_where_visible": list(each.looked),
                    "looked_at": [round(float(one), 5) for one in each.examined],
                }
                for each in LAYOUTS
            },
            "new_categories": [name for name, new in zip(names.categories, market.kinds.new, strict=True) if new]
            if "new-categories" in setup.calendar.held
            else [],
            "bots": [names.users[each] for each in market.people.bots] if "bots" in setup.calendar.held else [],
            "by_day": [self._day(number) for number in sorted(self._days)],
        }

    def _trust(self) -> Floats:
        return trust(self._market.setup.calendar.amount("trust", 0))

    def _day(self, number: int) -> dict[str, Any]:
        day, date = self._days[number], self._market.setup.start + timedelta(number)
        usual, asked = max(day["usual"], 1), np.concatenate(self._models[number], axis=1)
        new = np.concatenate(self._new[number])
        if "new-categories" not in self._market.setup.calendar.held:
            new[:] = False
        counts = ("shelves", "bot_shelves", *EVENTS[1:])
        return {
            "date": str(date),
            **{name: int(day[name]) for name in counts},
            "layouts": {each.name: int(day[each.name]) for each in LAYOUTS},
            "shown": {"dcg@5": round(day["dcg"] / usual, 5), "ndcg@5_of_the_shelf": round(day["ndcg"] / usual, 5)},
            "models": _models(asked),
            "models_in_known_categories": _models(asked[:, ~new]),
            "models_in_new_categories": _models(asked[:, new]),
        }


def _models(asked: Floats) -> dict[str, float] | None:
    """The means of live, anchor and who knows everything (3, n), and what the models reach of the last."""
    if not asked.size:
        return None
    live, anchor, perfect = (float(each) for each in asked.mean(axis=1))
    found = {
        "queries": asked.shape[1],
        "live_dcg@5": live,
        "anchor_dcg@5": anchor,
        "best_dcg@5": perfect,
        "live_ndcg@5": float((asked[0] / asked[2]).mean()),
        "anchor_ndcg@5": float((asked[1] / asked[2]).mean()),
    }
    return {name: round(value, 5) for name, value in found.items()}
