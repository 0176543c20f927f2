"""What may not be shown: a listing, a seller or a picture that was taken down, and a listing that was erased."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.interaction import Instant
from schemas.listing import Version

Kind = Literal["listing", "seller", "image", "erased"]


class Takedown(BaseModel):
    """An entry of `listing-takedown`, keyed `kind:value`; a null value in its place undoes it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Kind
    value: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        description="A listing's id, a seller's id, the sha256 of a picture; of an erased listing the keyed hash."
    )
    at: Instant
    reason: str = ""
    version: Version | None = Field(default=None, description="Erased: events up to this version are refused for ever.")
    key_id: str | None = Field(default=None, description="Erased: which key the hash was made with.")

    @property
    def key(self) -> str:
        """The record's key: of two entries with one key the later counts."""
        return f"{self.kind}:{self.value}"


class KeyPin(BaseModel):
    """The entry of `listing-takedown` under the key `hash-key`: the fingerprint of the key of all keyed hashes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key_id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    at: Instant
