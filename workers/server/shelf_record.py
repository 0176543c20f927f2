"""A shelf as it was ranked, and as it is recorded: what was shown, in which order, how likely, and to whom."""

from dataclasses import dataclass
from datetime import datetime

from schemas.interaction import Drawn, Item, Shelf, Team
from streams.interactions import pseudonym
from streams.keyed_hash import HashKey
from workers.milvus.candidates import Candidate
from workers.milvus.collection import Collections
from workers.server.policy import Policy
from workers.server.query import Query, QueryVector, Visit


@dataclass(frozen=True)
class RankedItem:
    """An item at its place, and how it came there."""

    item: Candidate
    propensity: float | None = None
    team: Team | None = None


@dataclass(frozen=True)
class RankedShelf:
    """What was found for one query; `anchor` where its order was interleaved with another model's."""

    live: Collections
    query_vector: QueryVector
    items: list[RankedItem]
    drawn: Drawn = "no"
    anchor: Collections | None = None


@dataclass(frozen=True)
class Request:
    """One question, with all that came with it."""

    request_id: str
    query: Query
    policy: Policy
    visit: Visit


def shelf_of(request: Request, ranked_shelf: RankedShelf, key: HashKey, at: datetime) -> Shelf:
    """The record of a shelf; ids of people are hashed with `key` here, and nowhere else leave the process."""
    visit = request.visit
    return Shelf(
        request_id=request.request_id,
        at=at,
        query=request.query.listing_id,
        query_kind=request.query.kind,
        category=ranked_shelf.query_vector.category or None,
        seller_id=ranked_shelf.query_vector.seller_id or None,
        items=tuple(_item(position, each) for position, each in enumerate(ranked_shelf.items, 1)),
        model=ranked_shelf.live.model_id,
        anchor=ranked_shelf.anchor.model_id if ranked_shelf.anchor else None,
        policy=request.policy.name,
        drawn=ranked_shelf.drawn,
        variant=visit.variant,
        user=pseudonym(key, visit.user) if visit.user else None,
        # May be what a visitor is known by to the shop: no more than a user's id may it leave the process.
        session=key.of(f"session:{visit.session}") if visit.session else None,
        surface=visit.surface,
        layout=visit.layout,
        app_version=visit.app_version,
    )


def _item(position: int, ranked: RankedItem) -> Item:
    item = ranked.item
    return Item.model_validate(
        {
            "listing_id": item.listing_id,
            "position": position,
            "score": round(item.score, 6),
            "propensity": ranked.propensity,
            "team": ranked.team,
            "category": item.category or None,
            "seller_id": item.seller_id or None,
            "status": item.status,
            "listed_at": max(0, item.listed_at),
        }
    )
