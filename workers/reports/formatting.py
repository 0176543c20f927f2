"""How figures, their intervals and the evidence for them are written."""

import math
from collections.abc import Mapping
from typing import Literal

from schemas.evaluation_report import Figures, Looked, Plan, Scored, Shown, VariantSplit
from streams.terminal_text import visible

Form = Literal["measure", "share", "count"]


def amount(form: Form, value: float) -> str:
    """A figure in its usual form.

    >>> amount("measure", 0.61249), amount("share", 0.0512), amount("count", 6.337)
    ('0.612', '5.1 %', '6.34')
    """
    if form == "share":
        return f"{100 * value:.{2 if abs(value) < 0.01 else 1}f} %"
    return f"{value:.{2 if form == 'count' else 3}f}"


def difference(form: Form, value: float) -> str:
    """A difference with its sign; of shares in percentage points.

    >>> difference("measure", 0.0213), difference("share", -0.0041)
    ('+0.021', '−0.41 points')
    """
    written = f"{100 * value:+.2f} points" if form == "share" else f"{value:+.{2 if form == 'count' else 3}f}"
    return written.replace("-", "−")


def between(form: Form, shown: Shown, *, signed: bool = False) -> str:
    """The interval in words; empty if there is none.

    >>> between("share", Shown(value=0.05, low=0.04, high=0.0612))
    '4.0 to 6.1 %'
    """
    if shown.low is None or shown.high is None or not (math.isfinite(shown.low) and math.isfinite(shown.high)):
        return ""
    ends = [difference(form, end) if signed else amount(form, end) for end in (shown.low, shown.high)]
    unit = next((unit for unit in (" points", " %") if all(end.endswith(unit) for end in ends)), "")
    return f"{ends[0].removesuffix(unit)} to {ends[1]}"


def evidence(unit: str, shown: Shown) -> str:
    """How much evidence a figure has; `unit` is what its count is of.

    >>> evidence("shelves", Shown(value=1, shelves=1934, users=411.7))
    '1,934 shelves, 412 effective users'
    """
    counts = [f"{shown.shelves:,} {unit}", f"{shown.users:,.0f} effective users"]
    if shown.effective is not None:
        counts.append(f"effective sample {shown.effective:,.0f}")
    if shown.outside is not None:
        counts.append(f"{amount('share', shown.outside)} of the gain at positions with unknown examination")
    return ", ".join(counts)


def baseline(figures: Figures, name: str) -> str:
    """What a random order scores, and the share of the way from there to the best; empty if that is not known.

    >>> way = Shown(value=0.42, low=0.4, high=0.44)
    >>> baseline({"nDCG@5 random order": Shown(value=0.534), "nDCG@5 random to best": way}, "nDCG@5")
    'A random order scores 0.534: this is 42.0 % of the way from there to the best order (40.0 to 44.0 %).'
    """
    random, way = figures.get(f"{name} random order"), figures.get(f"{name} random to best")
    if random is None or way is None or random.value is None or way.value is None:
        return ""
    share, interval = amount("share", way.value), between("share", way)
    words = f"A random order scores {amount('measure', random.value)}: this is {share} of the way from there"
    return f"{words} to the best order{f' ({interval})' if interval else ''}."


def lacking(shown: Shown | None) -> str:
    """Why there is no figure; empty if there is one."""
    if shown is None:
        return "not measured"
    if shown.value is None or not math.isfinite(shown.value):
        return plain(shown.missing) or "not measured"
    return ""


def curve_end(curve: Looked) -> str:
    """From which position on an examination curve is unknown, and why; empty if it is known to the last one."""
    reasons = ((position, lacking(shown)) for position, shown in enumerate(curve.places, 1))
    return next((f"from position {position} on: {reason}" for position, reason in reasons if reason), "")


def layout_name(curve: Looked) -> str:
    """The surface and the layout of an examination curve."""
    return named(f"{curve.surface} {curve.layout}")


def clear(shown: Shown) -> str:
    """Whether 0 is excluded, at all looks together: only then is a difference evidence of anything.

    >>> clear(Shown(value=2, low=1, high=3, anytime_low=-0.1, anytime_high=4.1)), clear(Shown(value=2, low=1, high=3))
    ('may be 0', 'clear of 0')
    """
    low, high = shown.low, shown.high
    if shown.anytime_low is not None and shown.anytime_high is not None:
        low, high = shown.anytime_low, shown.anytime_high
    if low is None or high is None:
        return ""
    return "clear of 0" if low > 0 or high < 0 else "may be 0"


def anytime(form: Form, shown: Shown) -> str:
    """The interval of a difference that holds at every look; empty if there is none.

    >>> anytime("measure", Shown(value=0.02, anytime_low=-0.001, anytime_high=0.041))
    '−0.001 to +0.041'
    """
    return between(form, Shown(value=shown.value, low=shown.anytime_low, high=shown.anytime_high), signed=True)


DIFFERS = 0.05
"""Below it a slice is said to differ."""


def differing(differs: Mapping[str, float]) -> list[str]:
    """The figures by which a slice differs from all shelves, and how likely that is chance.

    >>> differing({"nDCG@5": 0.003, "DCG@5": 0.2})
    ['nDCG@5 (p 0.003)']
    """
    return [f"{name} (p {max(p, 0.001):.3f})" for name, p in differs.items() if p < DIFFERS]


UNEVEN = 0.001
"""Below it a split is said not to be an even draw."""


def split(counts: VariantSplit) -> str:
    """The split of users between two variants, and whether the difference may be read.

    >>> split(VariantSplit(one=500, other=620, both=0, p_value=0.0004))
    '500 and 620 users, 0 with both; this is no even split (p 0.0004): if one was drawn, do not read the difference.'
    """
    words = f"{counts.one:,} and {counts.other:,} users, {counts.both:,} with both"
    if counts.p_value < UNEVEN:
        return f"{words}; this is no even split (p {counts.p_value:.2g}): if one was drawn, do not read the difference."
    return f"{words}; as an even split may be (p {counts.p_value:.2g})."


def planned_days(days: int | None) -> str:
    """So many days; beyond a year nothing is told.

    >>> planned_days(12), planned_days(None)
    ('12', 'more than a year')
    """
    return "more than a year" if days is None else f"{days}"


def plan_basis(plan: Plan) -> str:
    """What a plan rests on."""
    return (
        f"For an even split of all users between two variants, from the variance of {plan.days} recorded "
        f"day{'' if plan.days == 1 else 's'}: users who come back are counted as such. The difference is relative to "
        "the figure. It does not allow for users who are left out, nor for a change of the traffic."
    )


def coverage(counts: Scored) -> str:
    """How much of the recorded shelves the figures are of.

    >>> coverage(Scored(shelves=200, shelves_scored=150, items=1000, items_scored=900))
    'The query of 150 of 200 shelves (75.0 %) is indexed, and so are 90.0 % of the items that matter.'
    """
    total, sample = counts.shelves, ""
    if counts.drawn is not None:
        sample = f"{counts.drawn:,} of {total:,} shelves with a relevant item were sampled by their request ids. "
        total = counts.drawn
    shelves, items = (
        amount("share", part / whole) if whole else "none"
        for part, whole in ((counts.shelves_scored, total), (counts.items_scored, counts.items))
    )
    return (
        f"{sample}The query of {counts.shelves_scored:,} of {total:,} shelves ({shelves}) is indexed, "
        f"and so are {items} of the items that matter."
    )


def plain(text: str) -> str:
    """Text from outside on one line, with characters that a terminal would obey as escapes.

    >>> plain("a\\x1b[2J\\n  b")
    'a\\\\x1b[2J b'
    """
    return visible(" ".join(text.split()), keep="")


def named(name: str) -> str:
    """The name of a slice, or of a model; "unknown" if it is empty."""
    return plain(name) or "unknown"
