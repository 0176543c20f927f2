"""What befalls the shop, and when; what each thing should lead to is said in docs/simulation.md."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from streams.errors import UsageError

Finding = Literal[
    "nothing", "recording", "index", "release", "invalid traffic", "mix", "season", "data growth", "model"
]
"""What a good decision makes of a disturbance: only the last two ask for a new model."""


@dataclass(frozen=True)
class Disturbance:
    """Something that happens on day `first` (0 is the first), at full strength after `ramp` days, for `days` of them.

    `size` is its strength in the unit that `words` names.
    """

    name: str
    first: int
    ramp: int
    days: int | None
    size: float
    words: str
    finding: Finding

    @property
    def harmless(self) -> bool:
        """Whether the model is as good as before, and knows all that is sold."""
        return self.finding not in ("data growth", "model")

    def strength(self, day: int) -> float:
        """How much of it holds on `day`: 0 before and after, 1 in full.

        >>> promo = Disturbance("promotion", first=8, ramp=0, days=4, size=0.25, words="", finding="season")
        >>> [promo.strength(day) for day in (7, 8, 11, 12)]
        [0.0, 1.0, 1.0, 0.0]
        """
        if day < self.first or (self.days is not None and day >= self.first + self.days):
            return 0.0
        return min(1.0, (day - self.first + 1) / (self.ramp + 1))


ALL = {
    each.name: each
    for each in (
        Disturbance("season", 0, 0, None, 0.25, "more visits on Saturdays and Sundays, by this share", "nothing"),
        Disturbance("trust", 0, 0, None, 0.04, "of who looks at place 1 clicks unattracted; at 4 half", "nothing"),
        Disturbance("promotion", 8, 0, 4, 0.3, "more visits, and more clicks, by this share", "season"),
        Disturbance("release", 14, 0, None, 0.9, "of the app's users get layout grid within 5 days", "release"),
        Disturbance("bots", 19, 0, 3, 0.06, "more shelves: bots that click most of what they get", "invalid traffic"),
        Disturbance("new-categories", 24, 5, None, 0.3, "of visits go where no model knows its way", "data growth"),
        Disturbance("decay", 28, 8, None, 0.15, "more error of the live model, in lengths of a vector", "model"),
        Disturbance("mix", 34, 4, None, 1.5, "more visits to the categories that attract least, a third", "mix"),
        Disturbance("holiday", 45, 0, 7, 0.3, "more visits, and less attraction, by this share", "season"),
        Disturbance("stale-index", 30, 0, 5, 4.0, "days until the shop learns that a listing is gone", "index"),
        Disturbance("lost-events", 30, 0, 4, 0.5, "of what the app's users do goes unrecorded", "recording"),
    )
}
"""Their usual dates, for 60 days."""

_ALWAYS = frozenset({"season", "trust"})
_HARMLESS = _ALWAYS | {"promotion", "release", "bots", "mix", "holiday"}
SCENARIOS: Mapping[str, frozenset[str]] = {
    "calm": _ALWAYS,
    "harmless": _HARMLESS,
    "release": _ALWAYS | {"release"},
    "new-categories": _ALWAYS | {"new-categories"},
    "decay": _ALWAYS | {"decay"},
    "stale-index": _ALWAYS | {"stale-index"},
    "lost-events": _ALWAYS | {"lost-events"},
    "all": _HARMLESS | {"new-categories", "decay"},
}


@dataclass(frozen=True)
class Calendar:
    """The disturbances that happen in this run, by name."""

    held: Mapping[str, Disturbance]

    def amount(self, name: str, day: int) -> float:
        """Its strength on `day` times its size; 0 where it does not happen in this run."""
        held = self.held.get(name)
        return held.strength(day) * held.size if held else 0.0


def calendar(
    scenario: str,
    without: Collection[str] = (),
    moved: Mapping[str, int] | None = None,
    resized: Mapping[str, float] | None = None,
) -> Calendar:
    """The disturbances of `scenario`, `without` some; others `moved` to another first day, or `resized`.

    What is moved or resized happens, also where the scenario itself has it not. Raises UsageError for a name
    that there is not.
    """
    moved, resized = moved or {}, resized or {}
    if scenario not in SCENARIOS:
        raise UsageError(f"no scenario {scenario!r}; there are {', '.join(SCENARIOS)}")
    if unknown := sorted({*without, *moved, *resized} - set(ALL)):
        raise UsageError(f"no disturbance {unknown[0]!r}; there are {', '.join(ALL)}")
    names = (SCENARIOS[scenario] | set(moved) | set(resized)) - set(without)
    held = {name: each for name, each in ALL.items() if name in names}
    return Calendar(
        {
            name: replace(each, first=moved.get(name, each.first), size=resized.get(name, each.size))
            for name, each in held.items()
        }
    )
