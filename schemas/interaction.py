"""What people were shown and did: a shelf, and what points to it. Records of `interactions`, by request id."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, StrictInt, TypeAdapter, model_validator

from schemas.listing import ListingId, Status

ID_LENGTH, WORD_LENGTH, CATEGORY_LENGTH = 64, 128, 4_000
"""Characters that a request id or event id, a word, and a category path may have."""
MAX_POSITION = 1_000

QueryKind = Literal["listing", "picture", "text"]
"""What a shelf was asked for by."""
Drawn = Literal["no", "swap", "shuffle", "interleave"]
"""How the order of a shelf was drawn."""
Team = Literal["live", "anchor"]
"""The model that an item of an interleaved shelf is from."""

RequestId = Annotated[str, Field(min_length=1, max_length=ID_LENGTH, pattern=r"^[\x21-\x7e]+$")]
EventId = RequestId
Word = Annotated[str, Field(max_length=WORD_LENGTH)]
Category = Annotated[str, Field(max_length=CATEGORY_LENGTH)]
Position = Annotated[StrictInt, Field(ge=1, le=MAX_POSITION)]
Probability = Annotated[FiniteFloat, Field(gt=0, le=1)]
Instant = Annotated[datetime, AfterValidator(lambda at: at if at.tzinfo else at.replace(tzinfo=UTC))]
"""A time; one without a zone is UTC."""

ITEMS = 200
"""As many items as a shelf may have."""
AHEAD = timedelta(minutes=15)
"""`at` may be so much later than the record's own time in Kafka: clocks differ."""
ATTRIBUTION = timedelta(days=21)
"""So long after a shelf something may still count: a week to buy, two more to send it back."""
LATENESS = timedelta(days=3)
"""Beyond that, an event may reach Kafka so late."""


class Event(BaseModel):
    """What every interaction says: which shelf it belongs to, and when it happened."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    request_id: RequestId = Field(description="The shelf; the record's key.")
    at: Instant

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data


class Item(BaseModel):
    """One item of a shelf, as it was known when it was shown."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    listing_id: ListingId
    position: Position = Field(description="1 is the first place.")
    score: FiniteFloat | None = None
    propensity: Probability | None = Field(
        default=None, description="How likely this item was to stand at this place; absent: the order was not drawn."
    )
    team: Team | None = Field(default=None, description="Interleaved: whose item it is.")
    category: Category | None = Field(default=None, description="Path, joined by /.")
    seller_id: Word | None = None
    status: Status | None = None
    listed_at: Annotated[StrictInt, Field(ge=0)] | None = Field(default=None, description="Microseconds since 1970.")


class Shelf(Event):
    """The row of similar items that was answered to one request."""

    event: Literal["shelf"] = "shelf"
    query: ListingId | None = Field(default=None, description="The listing under which it stands.")
    query_kind: QueryKind = "listing"
    category: Category | None = Field(default=None, description="The query's own.")
    seller_id: Word | None = Field(default=None, description="The query's own.")
    items: Annotated[tuple[Item, ...], Field(max_length=ITEMS)]
    model: Word | None = None
    anchor: Word | None = Field(default=None, description="Interleaved: the model that the live one stands beside.")
    policy: Word | None = Field(default=None, description="Names filters, caps, diversity and search settings.")
    drawn: Drawn = Field(default="no", description="How the order was drawn.")
    variant: Word | None = None
    user: Word | None = Field(default=None, description="A keyed hash, never the id itself.")
    session: Word | None = None
    surface: Word | None = None
    layout: Word | None = None
    app_version: Word | None = None

    @model_validator(mode="after")
    def _each_place_once(self) -> Self:
        for what in ("position", "listing_id"):
            if len({getattr(item, what) for item in self.items}) < len(self.items):
                raise ValueError(f"two items have the same {what}")
        return self


class Seen(Event):
    """Which places of the shelf were really visible."""

    event: Literal["seen"] = "seen"
    event_id: EventId
    positions: Annotated[tuple[Position, ...], Field(min_length=1, max_length=ITEMS)]


class _Action(Event):
    event_id: EventId = Field(description="Its own; of two events with one id the first counts.")
    listing_id: ListingId


class Click(_Action):
    """The listing was opened from the shelf."""

    event: Literal["click"] = "click"


class Like(_Action):
    """The listing was kept for later."""

    event: Literal["like"] = "like"


class Purchase(_Action):
    """The listing was bought."""

    event: Literal["purchase"] = "purchase"


class Cancel(_Action):
    """The purchase of this listing was undone."""

    event: Literal["cancel"] = "cancel"


Interaction = Annotated[Shelf | Seen | Click | Like | Purchase | Cancel, Field(discriminator="event")]
KINDS: dict[str, type[Event]] = {
    "shelf": Shelf,
    "seen": Seen,
    "click": Click,
    "like": Like,
    "purchase": Purchase,
    "cancel": Cancel,
}

_ANY: TypeAdapter[Shelf | Seen | Click | Like | Purchase | Cancel] = TypeAdapter(Interaction)


def interaction(raw: bytes) -> Shelf | Seen | Click | Like | Purchase | Cancel:
    """The interaction in a record's value; raises pydantic's ValidationError where it is none."""
    return _ANY.validate_json(raw)
