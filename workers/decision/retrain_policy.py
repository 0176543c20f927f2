"""What the operator chose: how often false alarms may come, and when a retraining may be requested."""

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streams.errors import UsageError
from streams.listing_codec import why_invalid
from streams.local_files import local_file
from streams.settings import Settings

FILE, STOP, EVIDENCE_FILE = "rules.json", "stop", "evidence.sqlite"


class Span(BaseModel):
    """Days from `first` to `last`, both of them within."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: date
    last: date
    name: str = ""

    def has(self, day: date) -> bool:
        """Whether `day` is one of them."""
        return self.first <= day <= self.last


class RetrainPolicy(BaseModel):
    """All rules with their defaults; a file `rules.json` in the folder of the decision may change any of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_length_days: float = Field(365.0, ge=2, description="Least mean number of days until a false alarm.")
    margin: float = Field(
        0.0,
        gt=-0.5,
        lt=0.5,
        description="Concurrent: the anchor's lead in credit, (anchor - live) / both, up to which live is not worse; "
        "less if the first days after promotion showed that live was ahead.",
    )
    settle_days: int = Field(3, ge=0, description="Days after promotion that are no reference: people try what is new.")
    reference_days: int = Field(28, ge=7, description="Observed: matured days that make the reference.")
    least_effect: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="A relative drop below this asks for nothing; concurrent: of credit in direct competition.",
    )
    cool_down_days: float = Field(14.0, ge=0, description="After a request, or a promotion.")
    in_flight_days: float = Field(60.0, gt=0, description="A request that no promotion followed counts as lost.")
    monthly_budget: int = Field(2, ge=0, description="Requests in any 30 days.")
    freeze: tuple[Span, ...] = Field((), description="Days on which nothing is requested but by hand.")
    holidays: tuple[Span, ...] = Field((), description="Days on which people are known to behave differently.")
    enough_pairs: int | None = Field(None, gt=0, description="New training pairs that are reason enough.")
    tolerate: frozenset[str] = Field(
        frozenset(), description="Causes that need not be known before the model is blamed (they may not be found)."
    )
    stop: bool = Field(False, description="The kill switch: nothing is requested. A file `stop` does the same.")

    def frozen_on(self, day: date) -> Span | None:
        """The freeze that covers `day`."""
        return next((span for span in self.freeze if span.has(day)), None)


Folder = Annotated[Path, "where evidence, decisions, rules and the kill switch lie"]


def folder(settings: Settings) -> Folder:
    """Where the decision keeps what it must not lose."""
    return settings.data / settings.named("decide")


def read_policy(settings: Settings) -> RetrainPolicy:
    """The rules as they are now; raises UsageError for a file that can't be read, naming what is wrong."""
    place = folder(settings)
    file = place / FILE
    try:
        with local_file(file, "correct it"):
            content = file.read_bytes() if file.exists() else b"{}"
        rules = RetrainPolicy.model_validate_json(content)
    except ValidationError as error:
        raise UsageError(f"{file}: {why_invalid(error)}") from None
    return rules.model_copy(update={"stop": True}) if (place / STOP).exists() else rules
