"""The signs that shelves themselves tell: the split that was drawn, sold items, releases, users who are no people.

`before` are shelves of the reference's days, `after` those since the alarm's likely beginning. Lags, recall and joins
are not in them: whoever reads the broker and the index adds these.
"""

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from schemas.interaction import Team
from workers.decision import side_by_side
from workers.decision.signals import Change, Index, Recording, Release, Traffic
from workers.evaluation.measures import Measure, mean
from workers.evaluation.rankings import as_shown
from workers.evaluation.shelves import DRAWN, STATUSES, TEAMS, Categorical, Shelves, date_of, day_of

MOST_SHELVES = 200
"""Shelves of a user on a day; more is no person."""
_ALWAYS, _OFTEN = 0.8, 20
"""Who acts on so large a share of so many shelves a day looks at none of them."""
_LEAST_SHELVES = 200
"""Of a surface and layout, for a share of those seen: its standard error is then 3 % at most."""
_Kind = Literal["policy", "app", "layout"]
_KINDS: tuple[tuple[_Kind, str], ...] = (("policy", "policy"), ("app", "app_version"), ("layout", "layout"))


def recording(before: Shelves, after: Shelves, joined: Change | None = None) -> Recording:
    """Volumes and the split; `joined` is the share of actions that found their shelf, which shelves cannot tell."""
    return Recording(
        shelves_a_day=Change(before=_a_day(before), after=_a_day(after)),
        actions_a_shelf=Change(before=_acted(before), after=_acted(after)),
        seen_share=_seen_share(before, after),
        joined=joined,
        sample_ratio_p=sample_ratio(after),
    )


def _seen_share(before: Shelves, after: Shelves) -> Change | None:
    """The share of visible shelves on both sides, of the surface and layout where it changed most; None without any.

    Of the same surface and layout, for a new layout is seen by more or fewer people and loses no record.
    """
    old, new = _visible_shares(before), _visible_shares(after)
    changes = [Change(before=old[name], after=new[name]) for name in sorted(old.keys() & new.keys()) if old[name] > 0]
    return max(changes, key=_relative_change, default=None)


def _relative_change(each: Change) -> float:
    """As the larger over the smaller."""
    return max(each.after, each.before) / min(each.after, each.before) if each.after else math.inf


def _visible_shares(shelves: Shelves) -> dict[tuple[str, str], float]:
    """By surface and layout, of those with enough shelves to tell."""
    keys = np.stack([shelves.surface.codes, shelves.layout.codes], axis=1)
    found, index, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    visible = np.bincount(index.ravel(), shelves.visible, len(found))
    return {
        (shelves.surface.names[surface], shelves.layout.names[layout]): float(seen) / int(count)
        for (surface, layout), seen, count in zip(found, visible, counts, strict=True)
        if count >= _LEAST_SHELVES
    }


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


def releases(before: Shelves, after: Shelves, least: float = 0.05, measure: str = "DCG@5") -> tuple[Release, ...]:
    """Policies, app versions and layouts whose share changed by `least` or more, the day on which it did, and what the
    measure was with and without each on the same days."""
    pairs = side_by_side.Comparison.of(before, after, measure)
    return tuple(
        each for kind, column in _KINDS for each in _of_kind(kind, getattr(before, column), after, column, least, pairs)
    )


def _of_kind(
    kind: _Kind,
    before: Categorical,
    after: Shelves,
    column: str,
    least: float,
    pairs: side_by_side.Comparison,
) -> list[Release]:
    """Those of one kind. Versions follow each other: one is held against all that were there before it came."""
    words: Categorical = getattr(after, column)
    old, new = _shares(before), _shares(words)
    found = list[Release]()
    for name in sorted({*old, *new}):
        share = Change(before=old.get(name, 0.0), after=new.get(name, 0.0))
        if abs(share.rise) >= least:
            day = _turned(words, after.day, name, (share.before + share.after) / 2, share.rise > 0)
            found.append(Release(kind=kind, name=name, day=date_of(day), share=share))
    came = sorted((each for each in found if each.share.rise > 0), key=lambda each: each.day)
    gone = [each for each in found if each.share.rise <= 0]
    for number, each in enumerate(came):
        had = np.isin(words.codes, [words.names.index(later.name) for later in came[number:]])
        since = after.day >= day_of(each.day)
        beside = pairs.beside(had)
        came[number] = each.model_copy(update={"beside": beside, "exposed": float(had[since].mean())})
    return sorted([*came, *gone], key=lambda each: each.name)


def traffic(before: Shelves, after: Shelves) -> Traffic:
    """How much comes from users who behave as no person does, and the fall of DCG@5 without them."""
    odd_before, odd_after = suspicious(before), suspicious(after)
    was, is_now = (_dcg(shelves.pick(~odd)) for shelves, odd in ((before, odd_before), (after, odd_after)))
    return Traffic(
        suspicious=Change(before=_share(odd_before), after=_share(odd_after)),
        drop_without=_drop(was, is_now),
        drop_with=_drop(_dcg(before), _dcg(after)),
    )


def _drop(before: float, after: float) -> float | None:
    """None without a visible shelf on either side: that is not a drop of nothing."""
    return 1 - after / before if before > 0 and math.isfinite(after) else None


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
