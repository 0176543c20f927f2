"""What was measured: figures with their intervals. Records of `evaluation-reports`, keyed by model id."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.interaction import Instant, Word


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Shown(_Value):
    """A figure, or in `missing` the words why there is none; `low` and `high` are its 95 % interval."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    shelves: int = Field(default=0, description="How many it is of; of places and ages, how many items.")
    users: float = Field(default=0.0, description="Effective number of users.")
    effective: float | None = Field(default=None, description="Effective sample size of the weights.")
    outside: float | None = Field(default=None, description="Share of the weight outside the support.")
    anytime_low: float | None = Field(
        default=None, description="Of a difference: low end of the interval that holds at all looks together."
    )
    anytime_high: float | None = Field(default=None, description="Its high end.")
    missing: str = ""


Figures = dict[str, Shown]
"""By the one spelling of each: nDCG@5, DCG@5, DCG@5 SNIPS, CTR, no relevant item, sold items shown, …"""


class DayReport(_Value):
    """A day's figures; they may still change until it is mature, when the last window of its shelves has closed."""

    day: date
    mature: bool
    figures: Figures


class SliceReport(_Value):
    """The figures of some of the shelves: by category, niche, surface, layout, variant, model, position or age."""

    by: str
    name: str
    figures: Figures
    differs: dict[str, float] = Field(
        default={},
        description="By figure, how likely it differs so much from all shelves by chance: at any look, in any slice.",
    )


class Looked(_Value):
    """How much each place is looked at, the first one being 1; from shelves whose order was drawn."""

    surface: str
    layout: str
    places: tuple[Shown, ...]


class Scored(_Value):
    """How much of what was recorded the models' vectors could order: a listing that is gone has none any more."""

    shelves: int = Field(description="Under a listing, and visible; by the protocol `index`, with a relevant item.")
    drawn: int | None = Field(default=None, description="So many of them were drawn; null: all were taken.")
    shelves_scored: int = Field(description="Those, of all or of the drawn ones, whose query every model has.")
    items: int = Field(description="On those of them where somebody acted on something.")
    items_scored: int = Field(description="Those that every model has; the others come last, as they were shown.")


class Attributed(_Value):
    """How many clicks, likes and purchases of the days found their shelf, and within its window. Of all models."""

    actions: int
    known: int = Field(description="Their shelf is recorded.")
    outside: int = Field(description="Known shelf, outside its window: they count for nothing.")
    early: int = Field(description="Before their shelf by less than clocks differ: counted as at its time.")


class VariantSplit(_Value):
    """How many users had each of two variants, and how likely an even draw would split them so."""

    one: int
    other: int
    both: int = Field(description="Users who had both; they are counted in each.")
    p_value: float = Field(description="Of the sample ratio, against an even split.")


class Sources(_Value):
    """Of how many shelves of the days the user is not known, and how many `seen` arrive. Of all models."""

    shelves: int
    by_session: int = Field(description="No user, but a session, which represents one.")
    by_itself: int = Field(description="Neither: each is a user of its own.")
    acted: int = Field(description="With a click, like or purchase.")
    acted_seen: int = Field(description="Of these, with a `seen` too.")


class Comparison(_Value):
    """Differences `other` - `one`, of users' figures paired."""

    one: str
    other: str
    figures: Figures
    one_figures: Figures = Field(default={}, description="Of `one`, on the same shelves.")
    other_figures: Figures = Field(default={}, description="Of `other`, on the same shelves.")
    split: VariantSplit | None = Field(default=None, description="Of two variants: how many users had each.")
    scored: Scored | None = Field(default=None, description="Where both ordered the same shelves by their vectors.")


class PlannedFigure(_Value):
    """How many days an even split of all users needs to find a difference in a figure; null: more than a year."""

    one_look: int | None = Field(description="Days, if it is looked at once, at the end.")
    every_look: int | None = Field(description="Days, if it may be looked at as often as one likes.")
    slope: float = Field(description="The variance falls with days to this power: -1 if no user comes back.")


class Plan(_Value):
    """How long an experiment must last, from the variance of the recorded days."""

    effect: float = Field(description="The relative difference to be found: 0.02 is 2 % of the figure.")
    power: float = Field(description="How likely it is found then.")
    days: int = Field(description="Recorded days that the variance was measured on.")
    figures: dict[str, PlannedFigure]


Protocol = Literal["shelf", "index"]
"""shelf: what was shown, in an order; index: what a model lists of all listings, a diagnostic. Never compared."""


class Report(_Value):
    """The figures of the shelves of [since, until), of one model or of all (`model` is null).

    By the protocol `index` they are of what the model `searched` lists of all listings for the shelves' queries.
    """

    protocol: Protocol = Field(default="shelf", description="Figures of one are never comparable with the other's.")
    searched: Word | None = Field(default=None, description="index: the model whose collection was searched.")
    scored: Scored | None = Field(default=None, description="index: what the figures are of.")
    at: Instant = Field(description="When it was made.")
    model: Word | None = None
    since: date
    until: date
    total: Figures
    days: tuple[DayReport, ...] = ()
    slices: tuple[SliceReport, ...] = ()
    looked: tuple[Looked, ...] = ()
    listings: int = Field(default=0, description="Distinct listings shown.")
    listings_share: float | None = Field(default=None, description="Of those that might have been shown.")
    comparison: Comparison | None = None
    variants: tuple[Comparison, ...] = Field(default=(), description="Each variant less the first one by name.")
    attributed: Attributed | None = None
    sources: Sources | None = None
    plan: Plan | None = None
    open_days: int = Field(default=0, description="Days whose figures may still change.")
