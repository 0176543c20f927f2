"""The market: hour by hour, who comes, what they are shown, what they do, and what of the stock comes and goes."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime

import numpy as np

from workers.simulate.behaviour import HARD, attraction, cancels, visit
from workers.simulate.disturbances import Calendar
from workers.simulate.draws import Flags, Floats, Ints, Vectors, chance, select
from workers.simulate.examination_model import GRID, ROW, WIDE, WIDTH
from workers.simulate.inventory import DAY, SCALE, SQUARE, Kinds, Stock, kinds, whole
from workers.simulate.order import INTERLEAVE, NO, SHUFFLE, SWAP, interleaved, shuffled, swapped
from workers.simulate.pictures import Pictures
from workers.simulate.ranking import Model, best
from workers.simulate.shelf import PURCHASE, SHELF_BITS, Actions, Hour, Shelves, together
from workers.simulate.users import People, make_users

HOUR = DAY // 24
# Visits of an hour, of 24 on average: asleep at night, most at nine in the evening.
_CLOCK = 1 + 0.8 * np.cos((np.arange(24) - 20.5) / 12 * np.pi)


@dataclass(frozen=True)
class Setup:
    """What decides every record: two runs with the same are the same, and the first days don't depend on `days`."""

    calendar: Calendar
    seed: int = 1
    start: date = date(2026, 9, 1)
    days: int = 60
    shelves_per_day: int = 2_000
    listings: int = 6_000
    interleaved: float = 0.15
    randomised: float = 0.06
    """Of the shelves, half with neighbours swapped, half shuffled."""
    live: float = 0.45
    anchor: float = 0.5
    """Errors of the models, beside a vector of length 1."""
    unknown: float = 0.75
    """Error of both in the new categories."""

    @property
    def midnight(self) -> int:
        """When it starts, in microseconds since 1970."""
        return int(datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC).timestamp()) * 1_000_000


@dataclass(frozen=True)
class Day:
    """What holds for a day: how the models see the stock, what the calendar does to visits, moods and categories."""

    number: int
    truth: Vectors
    live: Vectors
    anchor: Vectors
    weight: Floats
    """How many visits each category gets (C,)."""
    shares: tuple[float, float]
    """Of the visits: to categories that were always there, to new ones."""
    factor: Floats
    """How much more or less each category attracts (C,)."""
    visits: float
    """As many times the usual."""


@dataclass(frozen=True)
class Trace:
    """What only the truth knows of an hour: how much each item attracts (n, WIDTH), and which shelves are a bot's."""

    day: Day
    hour: Hour
    attracts: Floats
    bot: Flags


class Market:
    """One run; `hours` goes through it once.

    A purchase comes an hour after its click at the earliest. So what is sold within an hour is known when it begins,
    and all shelves of an hour can be made at once: that is why time goes by hours.
    """

    def __init__(self, setup: Setup, pictures: Pictures) -> None:
        self.setup, self.pictures = setup, pictures
        said = [getattr(setup, each.name) for each in fields(setup) if each.name != "days"]
        self.tag = hashlib.sha256(repr([*said, pictures.digest]).encode()).hexdigest()[:8]
        """What all ids of this run begin with: the same options and pictures, the same ids."""
        self.kinds: Kinds = kinds(pictures, setup.seed)
        self.people: People = make_users(setup.seed, max(100, setup.shelves_per_day * 3 // 2), len(self.kinds.names))
        self.stock = Stock(pictures, self.kinds, setup.calendar, setup.seed, setup.listings)
        self.live = Model(f"simulated-live@{self.tag}", setup.live, setup.unknown, decays=True)
        self.anchor = Model(f"simulated-anchor@{self.tag}", setup.anchor, setup.unknown, decays=False)
        self._pending = Actions.none()

    def hours(self) -> Iterator[Trace]:
        """Every hour, in order. What happens after the last one, as most cancels of its purchases, is not told."""
        self.stock.start(self.setup.midnight)
        for number in range(self.setup.days):
            self.stock.arrive(number, self.setup.midnight + number * DAY)
            day = self._day(number)
            for hour in range(24 * number, 24 * number + 24):
                yield self._hour(day, hour)

    def _day(self, number: int) -> Day:
        calendar, categories, listings = self.setup.calendar, self.kinds, self.stock.all
        weekend = (self.setup.start.toordinal() - 1 + number) % 7 >= 5
        season, promotion = calendar.amount("season", number), calendar.amount("promotion", number)
        holiday, coming = calendar.amount("holiday", number), calendar.amount("new-categories", number)
        mixed = categories.weight * np.where(categories.hard, 1 + calendar.amount("mix", number), 1)
        mood = (1 + promotion) * (1 - holiday)
        return Day(
            number=number,
            truth=whole(listings.truth),
            live=self.live.sees(listings, self.live.errors(categories, calendar, number)),
            anchor=self.anchor.sees(listings, self.anchor.errors(categories, calendar, number)),
            weight=mixed,
            shares=(1 - coming, coming),
            factor=np.where(categories.hard, HARD, 1) * mood,
            # The week's mean is 1, whatever the season's size.
            visits=(1 + season * weekend) / (1 + season * 2 / 7) * (1 + promotion) * (1 + holiday),
        )

    def _hour(self, day: Day, hour: int) -> Trace:
        begin = self.setup.midnight + hour * HOUR
        sold = self._sales(hour, begin + HOUR)
        stale = int(self.setup.calendar.amount("stale-index", day.number) * DAY)
        shelves, bot = self._shelves(day, hour, begin, self.stock.open(begin, begin - stale))
        attracts = self._attraction(day, shelves)
        draw = chance(self.setup.seed, "behaviour", hour)
        done = visit(draw, shelves, attracts, bot, self.setup.calendar.amount("trust", day.number))
        self._pending = together(self._pending, self._heard(draw, day, shelves, done))
        due = (self._pending.at < begin + HOUR) & (self._pending.kind != PURCHASE)
        actions = together(sold, self._pending.where(due)).ordered()
        self._pending = self._pending.where(~due)
        created, gone = self.stock.moves(begin if hour else 0, begin, begin + HOUR)
        return Trace(day, Hour(hour, shelves, actions, created, gone), attracts, bot)

    def _sales(self, hour: int, end: int) -> Actions:
        """The purchases of this hour that find their listing still there; what is undone later is put aside."""
        meant = (self._pending.kind == PURCHASE) & (self._pending.at < end)
        wanted = self._pending.where(meant).ordered()
        sold = wanted.where(self.stock.sell(wanted.listing, wanted.at))
        self._pending = together(self._pending.where(~meant), cancels(chance(self.setup.seed, "cancels", hour), sold))
        return sold

    def _heard(self, draw: np.random.Generator, day: Day, shelves: Shelves, done: Actions) -> Actions:
        """What of it is recorded: where events are lost, an app's user is heard of only sometimes."""
        web = self.people.web[shelves.user[done.shelf - shelves.number[:1]]] if len(done) else np.zeros(0, np.bool_)
        lost = draw.random(len(done)) < self.setup.calendar.amount("lost-events", day.number)
        return done.where(web | ~lost | (done.kind == PURCHASE))

    def _shelves(self, day: Day, hour: int, begin: int, items: Ints) -> tuple[Shelves, Flags]:
        """The shelves that are asked for within an hour, of `items` on sale, and which of them bots ask for."""
        setup, people = self.setup, self.people
        draw = chance(setup.seed, "visits", hour)
        usual = setup.shelves_per_day / 24 * _CLOCK[hour % 24] * day.visits
        humans = int(draw.poisson(usual))
        count = humans + int(draw.poisson(usual * setup.calendar.amount("bots", day.number)))
        bot = draw.permutation(count) >= humans
        at = begin + np.sort(draw.integers(0, HOUR, count))
        user = np.where(bot, draw.choice(people.bots, count), select(people.visits, draw.random(count)))
        query = self._queries(day, draw, user, items)
        layout = self._layout(user, at)
        listing, score, drawn, propensity, anchors = self._ranked(day, draw, query, items)
        first = hour << SHELF_BITS
        return Shelves(
            number=first + np.arange(count),
            at=at,
            user=user,
            query=query,
            layout=layout,
            surface=people.web[user].astype(np.int64),
            app=np.where(layout == GRID, 1, 2 * (layout == WIDE)),
            drawn=drawn,
            listing=listing,
            score=score,
            propensity=propensity,
            anchors=anchors,
        ), bot

    def _queries(self, day: Day, draw: np.random.Generator, user: Ints, items: Ints) -> Ints:
        """Which listing each of the users looks at: a category by fondness, in it a listing by its appeal."""
        category, appeal = self.stock.all.category[items], self.stock.all.appeal[items]
        order = np.argsort(category, kind="stable")
        running = np.cumsum(appeal[order])
        ends = np.searchsorted(category[order], np.arange(len(self.kinds.names)), side="right")
        below = np.concatenate([[0.0], running])[np.concatenate([[0], ends])]
        there = np.diff(below) > 0
        fond = self.people.likes[user].astype(np.float64) * (day.weight * there)
        if "new-categories" in self.setup.calendar.held:
            fond = _split(fond, self.kinds.new, day.shares)
        total = np.cumsum(fond, axis=1)
        chosen = (draw.random(len(user))[:, None] * total[:, -1:] >= total).sum(axis=1)
        wanted = below[chosen] + draw.random(len(user)) * (below[chosen + 1] - below[chosen])
        place = np.searchsorted(running, wanted, side="right")
        found: Ints = items[order[np.minimum(place, ends[chosen] - 1)]]
        return found

    def _layout(self, user: Ints, at: Ints) -> Ints:
        release = self.setup.calendar.held.get("release")
        if release is None:
            return np.where(self.people.web[user], WIDE, ROW)
        since = (at - self.setup.midnight) / DAY - release.first
        updated = (since >= self.people.update[user]) & (self.people.reluctance[user] < release.size)
        return np.where(self.people.web[user], WIDE, np.where(updated, GRID, ROW))

    def _ranked(
        self, day: Day, draw: np.random.Generator, query: Ints, items: Ints
    ) -> tuple[Ints, Floats, Ints, Floats, Flags]:
        """Of each shelf its listings, scores, how the order was drawn, propensities, and the anchor's items."""
        count, own = len(query), np.searchsorted(items, query)
        listing, product = best(day.live[query], day.live[items], own, WIDTH)
        propensity, anchors = np.full(listing.shape, np.nan), np.zeros(listing.shape, np.bool_)
        drawn, coins = self._drawn(draw, count), draw.random((count, WIDTH))
        for kind in (SWAP, SHUFFLE):
            rows = np.flatnonzero(drawn == kind)
            heads = coins[rows] < 0.5
            origin, likely = swapped(heads[:, -1], heads) if kind == SWAP else shuffled(coins[rows])
            listing[rows] = np.take_along_axis(listing[rows], origin, axis=1)
            product[rows] = np.take_along_axis(product[rows], origin, axis=1)
            propensity[rows] = likely
        rows = np.flatnonzero(drawn == INTERLEAVE)
        other, _ = best(day.anchor[query[rows]], day.anchor[items], own[rows], WIDTH)
        listing[rows], anchors[rows], propensity[rows] = interleaved(listing[rows], other, coins[rows, ::2] < 0.5)
        listing = items[listing]
        ours = np.einsum("nd,nkd->nk", day.live[query[rows]], day.live[listing[rows]])
        theirs = np.einsum("nd,nkd->nk", day.anchor[query[rows]], day.anchor[listing[rows]])
        product[rows] = np.where(anchors[rows], theirs, ours)
        return listing, np.round(product.astype(np.float64) / SQUARE, 6), drawn, propensity, anchors

    def _drawn(self, draw: np.random.Generator, count: int) -> Ints:
        uniform, mixed, half = draw.random(count), self.setup.interleaved, self.setup.randomised / 2
        steps = np.searchsorted(np.cumsum([mixed, half, half]), uniform, side="right")
        return np.array([INTERLEAVE, SWAP, SHUFFLE, NO])[steps]

    def _attraction(self, day: Day, shelves: Shelves) -> Floats:
        items = day.truth[shelves.listing]
        likeness = np.einsum("nd,nkd->nk", day.truth[shelves.query], items).astype(np.float64) / SQUARE
        taste = np.einsum("nd,nkd->nk", self.people.taste[shelves.user], items.astype(np.float64)) / SCALE
        return attraction(likeness, taste, day.factor[self.stock.all.category[shelves.query]])


def _split(fond: Floats, new: Flags, shares: tuple[float, float]) -> Floats:
    """Fondness (n, C) so that the categories that are not `new`, and those that are, get their shares of it."""
    parts = np.zeros(fond.shape)
    for chosen, share in ((~new, shares[0]), (new, shares[1])):
        total = (fond * chosen).sum(axis=1, keepdims=True)
        parts += np.divide(fond * chosen * share, total, out=np.zeros(fond.shape), where=total > 0)
    return parts
