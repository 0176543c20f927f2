"""How a figure, its interval and what it rests on are written."""

import math
from typing import Literal

from schemas.evaluation_report import Looked, Scored, Shown
from streams.terminal_text import visible

Form = Literal["measure", "share", "count"]


def amount(form: Form, value: float) -> str:
    """A figure as it is written.

    >>> amount("measure", 0.61249), amount("share", 0.0512), amount("count", 6.337)
    ('0.612', '5.1 %', '6.34')
    """
    if form == "share":
        return f"{100 * value:.{2 if abs(value) < 0.01 else 1}f} %"
    return f"{value:.{2 if form == 'count' else 3}f}"


def difference(form: Form, value: float) -> str:
    """A difference as it is written, with its sign; of shares in percentage points.

    >>> difference("measure", 0.0213), difference("share", -0.0041)
    ('+0.021', '−0.41 points')
    """
    written = f"{100 * value:+.2f} points" if form == "share" else f"{value:+.{2 if form == 'count' else 3}f}"
    return written.replace("-", "−")


def between(form: Form, shown: Shown, *, signed: bool = False) -> str:
    """The interval in words; empty where there is none.

    >>> between("share", Shown(value=0.05, low=0.04, high=0.0612))
    '4.0 to 6.1 %'
    """
    if shown.low is None or shown.high is None or not (math.isfinite(shown.low) and math.isfinite(shown.high)):
        return ""
    ends = [difference(form, each) if signed else amount(form, each) for each in (shown.low, shown.high)]
    unit = next((unit for unit in (" points", " %") if all(each.endswith(unit) for each in ends)), "")
    return f"{ends[0].removesuffix(unit)} to {ends[1]}"


def rests_on(counted: str, shown: Shown) -> str:
    """What a figure rests on; `counted` is what its count is of.

    >>> rests_on("shelves", Shown(value=1, shelves=1934, users=411.7))
    '1,934 shelves, 412 effective users'
    """
    said = [f"{shown.shelves:,} {counted}", f"{shown.users:,.0f} effective users"]
    if shown.effective is not None:
        said.append(f"effective sample {shown.effective:,.0f}")
    if shown.outside is not None:
        said.append(f"{amount('share', shown.outside)} of the gain at places that nothing is known of")
    return ", ".join(said)


def lacking(shown: Shown | None) -> str:
    """Why there is no figure; empty where there is one."""
    if shown is None:
        return "not measured"
    if shown.value is None or not math.isfinite(shown.value):
        return plain(shown.missing) or "not measured"
    return ""


def ends(curve: Looked) -> str:
    """Why a curve ends where it does; empty where it goes on to the last place."""
    missing = ((place, lacking(shown)) for place, shown in enumerate(curve.places, 1))
    return next((f"from place {place} on: {why}" for place, why in missing if why), "")


def clear(shown: Shown) -> str:
    """Whether an interval leaves 0 out: only then does a difference say anything."""
    if shown.low is None or shown.high is None:
        return ""
    return "clear of 0" if shown.low > 0 or shown.high < 0 else "may be 0"


def scored(counts: Scored) -> str:
    """How much of what was recorded the figures are of.

    >>> scored(Scored(shelves=200, shelves_scored=150, items=1000, items_scored=900))
    '150 of 200 shelves (75.0 %) stand under a listing that is indexed; 90.0 % of the items that matter are.'
    """
    of, drawn = counts.shelves, ""
    if counts.drawn is not None:
        drawn = f"{counts.drawn:,} of {of:,} shelves with a relevant item were drawn, by a hash of their request ids. "
        of = counts.drawn
    shares = [
        amount("share", part / whole) if whole else "none"
        for part, whole in ((counts.shelves_scored, of), (counts.items_scored, counts.items))
    ]
    return (
        f"{drawn}{counts.shelves_scored:,} of {of:,} shelves ({shares[0]}) stand under a listing that is indexed; "
        f"{shares[1]} of the items that matter are."
    )


def plain(text: str) -> str:
    """Text from data on one line, without what is not printable: a terminal obeys such, and no page needs it.

    >>> plain("a\\x1b[2J\\n  b")
    'a\\\\x1b[2J b'
    """
    return visible(" ".join(text.split()), keep="")


def named(name: str) -> str:
    """The name of a slice; what was not told is said so."""
    return plain(name) or "not told"
