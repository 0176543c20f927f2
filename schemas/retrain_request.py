"""What measuring leads to: a request to retrain. Records of `retrain-requested`, by decision id."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.interaction import Instant

DecisionId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Trigger = Literal["model", "growth", "hand"]
Verdict = Literal["found", "ruled out", "not known"]


class Tried(BaseModel):
    """One cause that an alarm was tried against."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    cause: str
    verdict: Verdict
    says: str


class RetrainRequested(BaseModel):
    """One decision to retrain; of a decision id there is one record, whatever crashed on the way."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    decision_id: DecisionId
    at: Instant
    model: str | None = Field(default=None, description="The live model that is to be replaced.")
    trigger: Trigger = Field(description="model: it became worse; growth: enough new pairs; hand: a person.")
    why: str
    source: Literal["concurrent", "observed"] | None = Field(default=None, description="Where the alarm came from.")
    drop: float | None = Field(default=None, description="Relative, 0.05 is five per cent less; of the worse days.")
    since: date | None = Field(default=None, description="The first of the worse days, as far as can be told.")
    until: date | None = Field(default=None, description="The last day whose evidence was in it.")
    causes: tuple[Tried, ...] = ()
    follows: DecisionId | None = Field(
        default=None, description="The last request in the log when this was decided; none may come between them."
    )
