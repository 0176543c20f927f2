"""What is asked: by listing, by picture, or by text; and where it leads in the collection of a model."""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.interaction import QueryKind
from workers.milvus.collection import Collections


@dataclass(frozen=True)
class QueryVector:
    """A query within one collection; its own listing, seller and picture where it has them."""

    vector: list[float]
    listing_id: str | None = None
    picture: str | None = None
    """The hash of its picture."""
    seller_id: str = ""
    category: str = ""
    version: int = 0


@dataclass(frozen=True)
class Query:
    """A question; `seek` finds its place in a collection, None where that has no such listing."""

    kind: QueryKind
    seek: Callable[[Collections], QueryVector | None]
    listing_id: str | None = None


@dataclass(frozen=True)
class Visit:
    """Who asks and from where, as far as the shop tells; ids are hashed before they leave the process."""

    user: str | None = None
    session: str | None = None
    surface: str | None = None
    layout: str | None = None
    app_version: str | None = None
    variant: str | None = None
