"""What is answered, as JSON."""

from pydantic import BaseModel, ConfigDict, Field

from schemas.interaction import Drawn, QueryKind, Shelf
from workers.milvus.candidates import Candidate


class ItemAnswer(BaseModel):
    """One item of a shelf."""

    listing_id: str
    position: int = Field(description="1 is the first place; `seen` tells these.")
    score: float = Field(description="The cosine to the query; 1 is the same.")
    title: str
    category: str
    price_minor: int | None
    currency: str | None
    status: str
    version: int
    image_url: str | None = Field(description="The first picture.")


class ShelfAnswer(BaseModel):
    """A shelf; every interaction with it names its `request_id`."""

    request_id: str
    model: str
    policy: str = Field(description="Names filters, caps, floor, diversity and search settings.")
    drawn: Drawn = Field(description="Whether the order was drawn, and how.")
    anchor: str | None = Field(description="Interleaved: the model beside the live one.")
    query_kind: QueryKind
    query: str | None = Field(description="The listing that was asked by.")
    items: list[ItemAnswer]


class TextQuery(BaseModel):
    """A question in words."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=1_000)


class Accepted(BaseModel):
    """Kafka has all of them."""

    accepted: int


class Problem(BaseModel):
    """Why there is no answer."""

    reason: str = Field(description="A word for programs.")
    detail: str = Field(description="A sentence for people.")


def shelf_answer(shelf: Shelf, items: list[Candidate]) -> ShelfAnswer:
    """The answer for a recorded shelf and its items, in the same order."""
    return ShelfAnswer(
        request_id=shelf.request_id,
        model=shelf.model or "",
        policy=shelf.policy or "",
        drawn=shelf.drawn,
        anchor=shelf.anchor,
        query_kind=shelf.query_kind,
        query=shelf.query,
        items=[
            ItemAnswer(
                listing_id=item.listing_id,
                position=place.position,
                score=place.score or 0.0,
                title=item.title,
                category=item.category,
                price_minor=item.price_minor,
                currency=item.currency,
                status=item.status,
                version=item.version,
                image_url=next(iter(item.image_urls), None),
            )
            for place, item in zip(shelf.items, items, strict=True)
        ],
    )
