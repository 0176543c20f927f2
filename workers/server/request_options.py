"""What a request may ask for, within limits; put together with the server's defaults it is a policy."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from streams.errors import BadMessage
from workers.server.policy import Policy
from workers.server.query import Visit

Share = Annotated[float, Field(ge=0, le=1)]
Named = Annotated[str, Field(max_length=128)]


class Options(BaseModel):
    """The parameters of both ways to ask; what is left out is as the server was started with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    k: Annotated[int, Field(ge=1, le=200)] | None = Field(None, description="How many; the server has a limit.")
    category: Annotated[str, Field(max_length=1_000)] | None = Field(None, description="a/b: it and those below it.")
    max_price: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(
        None, description="In minor units; needs `currency`."
    )
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = Field(None, description="ISO 4217.")
    include_sold: bool | None = Field(None, description="Sold and reserved ones too, if the server shows them.")
    one_picture: bool | None = Field(None, description="Of listings with the very same picture the nearest alone.")
    per_seller: Annotated[int, Field(ge=0, le=200)] | None = Field(None, description="So many of a seller; 0: no cap.")
    other_sellers: bool | None = Field(None, description="Leave out what the query's own seller has.")
    min_score: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        None, description="Leave out what is less alike; 1 is the same. Rather an empty shelf than a poor one."
    )
    diversity: Share | None = Field(None, description="0: by likeness alone; 1: by unlikeness to the others alone.")
    surface: Named | None = Field(None, description="Where the shelf stands, as `listing-page`; recorded.")
    layout: Named | None = Field(None, description="How it is drawn, as `row`; recorded.")
    app_version: Named | None = Field(None, description="Recorded.")
    variant: Named | None = Field(None, description="Of an experiment of yours; recorded.")

    def policy(self, defaults: Policy, most: int) -> Policy:
        """The policy of this request: the server's own, or narrower.

        Raises BadMessage (`options`) for more than `most` items, a price alone, and what the server leaves out.
        """
        mine = self.model_dump(exclude_none=True, exclude={*Visit.__annotations__})
        policy = Policy(**{**defaults.__dict__, **mine})
        if policy.k > most:
            raise BadMessage("options", f"k: at most {most} here")
        if policy.max_price is not None and policy.currency is None:
            raise BadMessage("options", "max_price needs currency: prices in different ones can't be compared")
        if wider := defaults.widened_by(policy):
            raise BadMessage("options", f"{wider}: this server leaves more out; a request can only narrow its policy")
        return policy

    def visit(self, user: str | None, session: str | None) -> Visit:
        """Who asks and from where."""
        return Visit(user, session, self.surface, self.layout, self.app_version, self.variant)
