"""What was done with a listing event: the record that goes to `listing-indexed`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.listing import ListingId, Version
from schemas.source import Source

Done = Literal["indexed", "metadata", "superseded", "removed", "refused"]


class StagesMs(BaseModel):
    """How long an event spent in each stage, in milliseconds; 0 where the stage was not needed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    queue: float = 0.0
    fetch: float = 0.0
    decode: float = 0.0
    encode: float = 0.0
    upsert: float = 0.0


class Outcome(BaseModel):
    """One event's end, at least once per event: which version, what was done, by which model, how fast."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    listing_id: ListingId
    version: Version
    outcome: Done
    model: str
    encoded: bool
    source: Source
    event_to_visible_ms: float
    stages_ms: StagesMs
