"""The signs that shelves themselves tell: the split that was drawn, sold items, releases, users who are no people.

`before` are shelves of the reference's days, `after` those since the alarm's likely beginning. Lags, recall and joins
are not in them: whoever reads the broker and the index adds these.
"""

import math
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from schemas.interaction import Team
from workers.decision.signals import Change, Index, Recording, Release, Traffic
from workers.evaluation.measures import Measure, mean
from workers.evaluation.rankings import as_shown
from workers.evaluation.shelves import DRAWN, STATUSES, TEAMS, Categorical, Shelves, date_of

MOST_SHELVES = 200
"""Shelves of a user on a day; more is no person."""
_ALWAYS, _OFTEN = 0.8, 20
"""Who acts on so large a share of so many shelves a day looks at none of them."""
_KINDS = (("policy", "policy"), ("app", "app_version"), ("layout", "layout"))


def recording(before: Shelves, after: Shelves, joined: Change | None = None) -> Recording:
    """Volumes and the split; `joined` is the share of actions that found their shelf, which shelves cannot tell."""
    return Recording(
        shelves_a_day=Change(before=_a_day(before), after=_a_day(after)),
        actions_a_shelf=Change(before=_acted(before), after=_acted(after)),
        joined=joined,
        sample_ratio_p=sample_ratio(after),
    )


def sample_ratio(shelves: Shelves) -> float | None:
    """P-value, two-sided, of the coin that decides which team stands first; None without interleaved shelves."""
    rows = shelves.drawn == DRAWN.index("interleave")
    first = shelves.team[rows, 0] if shelves.width else np.zeros(0, np.int8)
    live, anchor = (int((first == TEAMS.index(team)).sum()) for team in get_args(Team))
    if not live + anchor:
        return None
    return math.erfc(abs(live - anchor) / math.sqrt(2 * (live + anchor)))


def sold_items(before: Shelves, after: Shelves, lag_seconds: float | None = None) -> Index:
    """The share of shown items that were not on sale; the index's lag is given by whoever asked the broker."""
    return Index(lag_seconds=lag_seconds, sold_shown=Change(before=_not_on_sale(before), after=_not_on_sale(after)))


def releases(before: Shelves, after: Shelves, least: float = 0.05) -> tuple[Release, ...]:
    """Policies, app versions and layouts whose share changed by `least` or more, and the day on which it did."""
    found = []
    for kind, column in _KINDS:
        old, new = _shares(getattr(before, column)), _shares(getattr(after, column))
        for name in sorted({*old, *new}):
            share = Change(before=old.get(name, 0.0), after=new.get(name, 0.0))
            if abs(share.rise) >= least:
                day = _turned(getattr(after, column), after.day, name, (share.before + share.after) / 2, share.rise > 0)
                found.append(Release(kind=kind, name=name, day=date_of(day), share=share))
    return tuple(found)


def traffic(before: Shelves, after: Shelves) -> Traffic:
    """How much comes from users who behave as no person does, and the fall of DCG@5 without them."""
    odd_before, odd_after = suspicious(before), suspicious(after)
    was, is_now = (_dcg(shelves.pick(~odd)) for shelves, odd in ((before, odd_before), (after, odd_after)))
    return Traffic(
        suspicious=Change(before=_share(odd_before), after=_share(odd_after)),
        # Without a visible shelf on either side there is no such figure, which is not a drop of nothing.
        drop_without=1 - is_now / was if was > 0 and math.isfinite(is_now) else None,
    )


def suspicious(shelves: Shelves) -> NDArray[np.bool_]:
    """Of each shelf whether its user, on its day, had more of them than a person has, or acted on nearly all."""
    if not len(shelves):
        return np.zeros(0, np.bool_)
    keys = np.stack([shelves.user, shelves.day.astype(np.uint64)])
    _, index, count = np.unique(keys, axis=1, return_inverse=True, return_counts=True)
    index = index.ravel()
    acted = np.bincount(index, (shelves.grade > 0).any(axis=1), len(count))
    odd = (count > MOST_SHELVES) | ((count >= _OFTEN) & (acted >= _ALWAYS * count))
    found: NDArray[np.bool_] = odd[index]
    return found


def _a_day(shelves: Shelves) -> float:
    return len(shelves) / max(len(shelves.days()), 1)


def _acted(shelves: Shelves) -> float:
    return float((shelves.grade > 0).sum()) / max(len(shelves), 1)


def _not_on_sale(shelves: Shelves) -> float:
    """Of the items whose status was recorded."""
    known = shelves.shown & (shelves.status > 0)
    return float((known & (shelves.status != STATUSES.index("on_sale"))).sum()) / max(int(known.sum()), 1)


def _shares(words: Categorical) -> dict[str, float]:
    counts = np.bincount(words.codes, minlength=len(words.names))
    return {
        name: float(count) / max(len(words.codes), 1) for name, count in zip(words.names, counts, strict=True) if count
    }


def _turned(words: Categorical, days: NDArray[np.int32], name: str, half: float, rising: bool) -> int:
    """The first day on which its share had crossed `half`; the first of all where none had."""
    has = words.codes == words.names.index(name) if name in words.names else np.zeros(len(days), np.bool_)
    for day in np.unique(days):
        share = float(has[days == day].mean())
        if share >= half if rising else share <= half:
            return int(day)
    return int(days.min())


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def _dcg(shelves: Shelves) -> float:
    return mean(Measure.parse("DCG@5").of(as_shown(shelves.pick(shelves.visible))))
