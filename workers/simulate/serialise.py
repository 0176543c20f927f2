"""An hour as records of the topics: interactions as JSON by request id, listings as their events, by their times."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from schemas.listing import ListingEvent, Status
from workers.simulate.draws import Ints
from workers.simulate.ids import APPS, LAYOUT_NAMES, POLICY, SURFACES, VARIANTS, Names
from workers.simulate.market import Market
from workers.simulate.order import DRAWN, INTERLEAVE
from workers.simulate.shelf import EVENTS, SEEN, Hour, Shelves

Record = tuple[int, str, bytes]
"""When it happens (microseconds since 1970), its key, its value."""


def instants(at: Ints) -> list[str]:
    """Microseconds since 1970 as JSON has them.

    >>> instants(np.array([1_788_220_800_000_001]))
    ['2026-09-01T00:00:00.000001Z']
    """
    return [f"{each}Z" for each in np.datetime_as_string(at.astype("datetime64[us]"), unit="us").tolist()]


class Interactions:
    """Writes the interactions of a market as JSON, by hand: twenty times as fast as through the schemas' models.

    That each line is what the schema says is tested.
    """

    def __init__(self, market: Market, names: Names) -> None:
        self._market, self._names = market, names
        self._items: list[str] = []
        self._categories = [json.dumps(each, ensure_ascii=False) for each in names.categories]

    def of(self, hour: Hour) -> list[Record]:
        """The records of `hour`, in the order of their times."""
        records = [*self._shelves(hour.shelves), *self._actions(hour)]
        records.sort(key=lambda record: (record[0], record[1], record[2]))
        return records

    def _shelves(self, shelves: Shelves) -> Iterator[Record]:
        stock, people, names = self._market.stock.all, self._market.people, self._names
        self._name_items()
        rows = zip(
            shelves.at.tolist(),
            instants(shelves.at),
            map(names.request, shelves.number.tolist()),
            shelves.query.tolist(),
            stock.category[shelves.query].tolist(),
            stock.seller[shelves.query].tolist(),
            shelves.user.tolist(),
            names.sessions(shelves.user, shelves.at),
            people.arm[shelves.user].tolist(),
            shelves.surface.tolist(),
            shelves.layout.tolist(),
            shelves.app.tolist(),
            shelves.drawn.tolist(),
            self._placed(shelves),
            strict=True,
        )
        for at, when, request, query, category, seller, user, session, arm, surface, layout, app, drawn, items in rows:
            anchor = f'"anchor":"{names.anchor}",' if drawn == INTERLEAVE else ""
            value = (
                f'{{"event":"shelf","request_id":"{request}","at":"{when}","query":"{names.listings[query]}",'
                f'"category":{self._categories[category]},"seller_id":"{names.seller(seller)}","model":"{names.live}",'
                f'{anchor}"policy":"{POLICY}","drawn":"{DRAWN[drawn]}","variant":"{VARIANTS[arm]}",'
                f'"user":"{names.users[user]}","session":"{session}","surface":"{SURFACES[surface]}",'
                f'"layout":"{LAYOUT_NAMES[layout]}","app_version":"{APPS[app]}","items":[{items}]}}'
            )
            yield at, request, value.encode()

    def _placed(self, shelves: Shelves) -> Iterator[str]:
        """The items of each shelf."""
        drawn = shelves.drawn.tolist()
        rows = zip(
            shelves.listing.tolist(),
            shelves.score.tolist(),
            shelves.propensity.tolist(),
            shelves.anchors.tolist(),
            drawn,
            strict=True,
        )
        for listings, scores, likely, anchors, how in rows:
            items = []
            for place, listing in enumerate(listings):
                more = f',"propensity":{likely[place]}' if how else ""
                if how == INTERLEAVE:
                    more += f',"team":"{"anchor" if anchors[place] else "live"}"'
                items.append(f'{{{self._items[listing]},"position":{place + 1},"score":{scores[place]}{more}}}')
            yield ",".join(items)

    def _name_items(self) -> None:
        """What is said of a listing wherever it stands."""
        stock, names, begin = self._market.stock.all, self._names, len(self._items)
        rows = zip(
            names.listings[begin:],
            stock.category[begin:].tolist(),
            stock.seller[begin:].tolist(),
            stock.listed_at[begin:].tolist(),
            strict=True,
        )
        self._items += [
            f'"listing_id":"{listing}","category":{self._categories[category]},"seller_id":"{names.seller(seller)}",'
            f'"status":"on_sale","listed_at":{listed_at}'
            for listing, category, seller, listed_at in rows
        ]

    def _actions(self, hour: Hour) -> Iterator[Record]:
        actions, names = hour.actions, self._names
        rows = zip(
            actions.at.tolist(),
            instants(actions.at),
            map(names.request, actions.shelf.tolist()),
            names.events(actions),
            actions.kind.tolist(),
            actions.place.tolist(),
            actions.listing.tolist(),
            strict=True,
        )
        for at, when, request, event, kind, place, listing in rows:
            about = (
                f'"positions":{list(range(1, place + 1))}'
                if kind == SEEN
                else f'"listing_id":"{names.listings[listing]}"'
            )
            value = f'{{"event":"{EVENTS[kind]}","event_id":"{event}","request_id":"{request}","at":"{when}",{about}}}'
            yield at, request, value.encode()


def listing_events(hour: Hour, market: Market, names: Names) -> list[tuple[int, ListingEvent]]:
    """What comes in and goes within `hour`, in the order of their times: a thing comes before it goes."""
    stock = market.stock
    came = [
        (at, _event(market, names, number, at, "on_sale"))
        for number, at in zip(hour.created.tolist(), stock.all.listed_at[hour.created].tolist(), strict=True)
    ]
    went = [
        (at, _event(market, names, number, at, "sold_out" if sold else "removed"))
        for number, at, sold in zip(
            hour.gone.tolist(), stock.all.gone_at[hour.gone].tolist(), stock.sold[hour.gone].tolist(), strict=True
        )
    ]
    return sorted([*came, *went], key=lambda pair: (pair[0], pair[1].event, pair[1].listing_id))


def _event(market: Market, names: Names, number: int, at: int, status: Status) -> ListingEvent:
    """A listing as it is from `at` on; its versions are its times."""
    stock, pictures = market.stock.all, market.pictures
    picture = int(stock.picture[number])
    return ListingEvent(
        event="listing-created" if status == "on_sale" else "listing-updated",
        listing_id=names.listings[number],
        version=at,
        occurred_at=datetime.fromtimestamp(at // 1_000_000, UTC).replace(microsecond=at % 1_000_000),
        status=status,
        title=pictures.titles[picture],
        category=tuple(names.categories[stock.category[number]].split("/")),
        price_minor=int(stock.price[number]),
        currency="JPY",
        seller_id=names.seller(int(stock.seller[number])),
        image_urls=(pictures.paths[picture].as_uri(),),
        attributes={"simulated": True},
    )
