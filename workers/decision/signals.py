"""What else was seen around an alarm, as plain figures: whoever watches fills them in, the causes only read them.

None means that nobody measured it, which is another thing than "nothing was wrong". Shares are 0 to 1. `before` is of
the reference's days, `after` of the days since the alarm's likely beginning.
"""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Source = Literal["concurrent", "observed"]


class _Value(BaseModel):
    # What is not a number was not measured: it may not pass for a figure that nothing is wrong with.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Change(_Value):
    """A figure before and after; `error` is the standard error of the difference, 0 where it is no estimate."""

    before: float
    after: float
    error: float = 0.0

    @property
    def rise(self) -> float:
        """How much more it is."""
        return self.after - self.before


class Recording(_Value):
    """Whether what happens is recorded."""

    shelves_a_day: Change | None = None
    actions_a_shelf: Change | None = Field(None, description="Clicks, likes and purchases for each shelf.")
    seen_share: Change | None = Field(
        None, description="Share of shelves that came before somebody, of the surface and layout where it fell most."
    )
    joined: Change | None = Field(None, description="Share of actions whose shelf is known.")
    outside: Change | None = Field(None, description="Of these, the share outside their shelf's window.")
    missing: int | None = Field(None, description="Offsets of these days that were recorded and are in no file.")
    sample_ratio_p: float | None = Field(None, description="P-value of the split that was drawn: teams, or variants.")
    unread: int | None = Field(None, description="Records of `interactions` that the recorder has not read.")
    refused: float | None = Field(None, description="Share of records that could not be read.")


class Index(_Value):
    """Whether the index is what is on sale."""

    lag_seconds: float | None = Field(None, description="Age of the oldest event that the index workers have not done.")
    sold_shown: Change | None = Field(None, description="Share of shown items that were not on sale.")


class Recall(_Value):
    """Whether the search finds what is nearest, with one recipe."""

    recall: Change | None = Field(None, description="recall@10 of the index against an exact search.")
    mixed: float | None = Field(None, description="Share of shelves whose query was encoded by another recipe.")


class Release(_Value):
    """A policy, app version or layout that came or went."""

    kind: Literal["policy", "app", "layout"]
    name: str
    day: date
    share: Change = Field(description="Share of shelves that had it.")
    beside: Change | None = Field(
        None,
        description="The measure on the same days: `before` without it, `after` with it or a later one. None: no day.",
    )
    exposed: float | None = Field(None, description="Share of shelves from its day on that had it or a later one.")
    one_sided: bool = Field(False, description="Interleaved shelves: it treats the teams differently.")


class Traffic(_Value):
    """Whether people did it."""

    suspicious: Change | None = Field(None, description="Share of shelves of users who behave as no person does.")
    drop_without: float | None = Field(None, description="The relative drop once those users are left out.")
    drop_with: float | None = Field(None, description="The same drop with them, on the same days.")


class Stratum(_Value):
    """A category on a surface: its share of the traffic, and the measure in it; None where there is too little."""

    name: str
    share: Change
    value: float | None = Field(None, description="After.")
    reference: float | None = Field(None, description="Before; None: it is new.")


class Season(_Value):
    """What the time of year does."""

    expected: float = Field(description="Relative drop of these days in earlier years; 0 is none.")
    error: float = Field(0.0, description="Its standard error.")


class Signals(_Value):
    """Everything of a moment; frozen."""

    live: str | None = Field(None, description="The live model's id.")
    promoted: date | None = Field(None, description="The day it became live.")
    recording: Recording | None = None
    index: Index | None = None
    recall: Recall | None = None
    releases: tuple[Release, ...] | None = None
    traffic: Traffic | None = None
    strata: tuple[Stratum, ...] | None = Field(None, description="None: taken from the evidence itself.")
    season: Season | None = None
    new_pairs: int | None = Field(None, description="Training pairs gathered since the live model was trained.")
    drift: float | None = Field(None, description="Diagnostic: distance of new listings' mean vector, 0 to 2.")
    unknown: dict[str, str] = Field({}, description="Diagnostics that failed, by name, and the reason of each.")
