"""A listing event: the whole state of a thing on sale, at one version."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StrictBool, StrictInt, StrictStr, model_validator

Status = Literal["on_sale", "reserved", "hidden", "sold_out", "removed"]
EventName = Literal["listing-created", "listing-updated"]

INT64_MAX = 2**63 - 1
TITLE_BYTES = 4_000
CATEGORY_BYTES = 4_000
ATTRIBUTES_BYTES = 32_000
IMAGE_URLS_BYTES = 64_000
"""Of the addresses as a row has them, in JSON: Milvus takes 65,536 bytes in a field, some of which name it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_LAST = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)

LISTING_ID_LENGTH = 128
ListingId = Annotated[str, Field(min_length=1, max_length=LISTING_ID_LENGTH, pattern=r"^[\x21-\x7e]+$")]
Version = Annotated[StrictInt, Field(ge=0, le=INT64_MAX)]
ImageUrl = Annotated[StrictStr, Field(min_length=1, max_length=2_048)]
AttributeName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_]+$")]
AttributeValue = (
    StrictBool
    | Annotated[StrictInt, Field(ge=-INT64_MAX, le=INT64_MAX)]
    | FiniteFloat
    | Annotated[StrictStr, Field(max_length=1_000)]
)

_UNLESS_REMOVED: dict[str, Any] = {
    "if": {"properties": {"status": {"const": "removed"}}, "required": ["status"]},
    "else": {
        "required": ["title", "image_urls"],
        "properties": {"title": {"minLength": 1}, "image_urls": {"minItems": 1}},
    },
    "dependentRequired": {"price_minor": ["currency"]},
}


class ListingEvent(BaseModel):
    """What a marketplace says of a listing when it is created or changed: its whole state, never a patch."""

    model_config = ConfigDict(frozen=True, extra="ignore", json_schema_extra=_UNLESS_REMOVED)

    event: EventName = "listing-updated"
    listing_id: ListingId
    version: Version = Field(description="Grows with every change; updated_at in microseconds will do.")
    status: Status = Field(description="Only on_sale is shown unless asked for.")
    occurred_at: datetime | None = None
    title: Annotated[StrictStr, Field(max_length=1_000)] = ""
    description: Annotated[StrictStr, Field(max_length=100_000)] = ""
    category: Annotated[tuple[Annotated[StrictStr, Field(max_length=200)], ...], Field(max_length=16)] = ()
    brand: Annotated[StrictStr, Field(max_length=200)] = ""
    price_minor: Annotated[StrictInt, Field(ge=0, le=INT64_MAX)] | None = Field(
        default=None, description="In the currency's minor unit; needs currency."
    )
    currency: Annotated[StrictStr, Field(pattern=r"^[A-Z]{3}$")] | None = Field(default=None, description="ISO 4217.")
    seller_id: Annotated[StrictStr, Field(max_length=128)] = ""
    image_urls: Annotated[tuple[ImageUrl, ...], Field(max_length=20)] = Field(
        default=(), description="Unchanged addresses mean unchanged pictures."
    )
    attributes: Annotated[dict[AttributeName, AttributeValue], Field(max_length=32)] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        there = {name: value for name, value in data.items() if value is not None}
        if isinstance(attributes := there.get("attributes"), dict):
            there["attributes"] = {name: value for name, value in attributes.items() if value is not None}
        return there

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.status != "removed" and not (self.title and self.image_urls):
            raise ValueError("title and image_urls are required unless the listing is removed")
        if self.price_minor is not None and self.currency is None:
            raise ValueError("price_minor needs currency")
        for name, text, limit in (
            ("title", self.title, TITLE_BYTES),
            ("category", "/".join(self.category), CATEGORY_BYTES),
            ("image_urls", json.dumps(self.image_urls, ensure_ascii=False), IMAGE_URLS_BYTES),
            ("attributes", json.dumps(self.attributes, ensure_ascii=False), ATTRIBUTES_BYTES),
        ):
            if len(text.encode()) > limit:
                raise ValueError(f"{name} is longer than {limit} bytes")
        return self

    @property
    def updated_at(self) -> int | None:
        """When it happened, in microseconds since 1970; a time without a zone is UTC."""
        if self.occurred_at is None:
            return None
        at = self.occurred_at
        # In whole numbers: through a float of seconds, one microsecond in a few goes astray.
        found = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
        return max(_FIRST, min(found, _LAST))  # its offset may lead out of the years that a datetime has
