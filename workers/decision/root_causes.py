"""What an alarm may come from, tried in order: each cause reads the signs and says found, ruled out, or not known."""

from collections.abc import Callable
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from schemas.retrain_request import Verdict
from workers.decision.alarms import Reading
from workers.decision.signals import Change, Recording, Release, Signals, Stratum


class Limits(BaseModel):
    """From where on a figure speaks for a cause."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    volume: float = 0.3
    """Relative change of shelves a day, either way, or of actions a shelf (a fall)."""
    joined: float = 0.02
    """Fall of the share of actions whose shelf is known."""
    outside: float = 0.02
    """Rise of the share of actions that lie outside the window of a shelf that is known."""
    refused: float = 0.01
    sample_ratio_p: float = 0.001
    unread: int = 100_000
    lag_seconds: float = 600.0
    sold_shown: float = 0.01
    """Rise of the share of shown items that are not on sale."""
    recall: float = 0.02
    """Fall of the recall."""
    mixed: float = 0.01
    release_share: float = 0.1
    """Change of the share of shelves that had it."""
    release_days: int = 7
    """A release may be so much earlier than the likely beginning."""
    suspicious: float = 0.02
    """Rise of the share of shelves."""
    explains: float = 0.5
    """Share of the drop that a cause has to explain."""


LIMITS = Limits()


class Finding(BaseModel):
    """The result of checking one cause."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    cause: str
    verdict: Verdict
    message: str = Field(alias="says")
    figures: dict[str, float] = {}


def recording(alarm: Reading, signs: Signals, limits: Limits = LIMITS) -> Finding:
    """Is what happens recorded? By volumes, the join rate, the windows, and the split that was drawn."""
    seen = signs.recording
    if seen is None:
        return _finding("recording", [], {}, missing="nobody counted shelves, actions and joins")
    wrong, figures = list[str](), dict[str, float]()
    for name, what, change, worst in (
        ("shelves_a_day", "shelves a day", seen.shelves_a_day, limits.volume),
        ("actions_a_shelf", "actions a shelf", seen.actions_a_shelf, limits.volume),
    ):
        if change is not None and change.before > 0:
            figures[name] = change.after / change.before
            both_ways = name == "shelves_a_day"
            if not both_ways and alarm.source == "concurrent":
                continue  # what is not recorded is missing in both teams; fewer actions are what a worse model brings
            if figures[name] < 1 - worst or (both_ways and figures[name] > 1 / (1 - worst)):
                wrong.append(f"{what} went from {change.before:.4g} to {change.after:.4g}")
    wrong += _joins(figures, seen, limits)
    wrong += _exceeded(figures, "missing", seen.missing, 0, "{:,.0f} recorded offsets are in no file any more")
    wrong += _exceeded(figures, "refused", seen.refused, limits.refused, "{:.1%} of the records can't be read")
    wrong += _exceeded(figures, "unread", seen.unread, limits.unread, "{:,.0f} records wait to be read")
    if seen.sample_ratio_p is not None:
        figures["sample_ratio_p"] = seen.sample_ratio_p
        if seen.sample_ratio_p < limits.sample_ratio_p:
            wrong.append(f"the split that was drawn did not come out as drawn (p = {seen.sample_ratio_p:.1g})")
    needed = [seen.shelves_a_day, seen.joined] + ([seen.sample_ratio_p] if alarm.source == "concurrent" else [])
    missing = "volumes, the join rate or the split were not counted" if None in needed else ""
    return _finding("recording", wrong, figures, missing, "volumes, joins and the split are as they should be")


def _joins(figures: dict[str, float], seen: Recording, limits: Limits) -> list[str]:
    """What is wrong with the shelves of actions: unknown, or another time's."""
    wrong = list[str]()
    if seen.joined is not None:
        figures["joined"] = seen.joined.after
        if seen.joined.rise < -limits.joined:
            wrong.append(f"{seen.joined.after:.1%} of the actions find their shelf, it was {seen.joined.before:.1%}")
    if seen.outside is not None:
        figures["outside"] = seen.outside.after
        if seen.outside.rise > limits.outside:
            wrong.append(
                f"{seen.outside.after:.1%} of the actions of known shelves are outside their window, it was "
                f"{seen.outside.before:.1%}: a clock is wrong"
            )
    return wrong


def index(_alarm: Reading, signs: Signals, limits: Limits = LIMITS) -> Finding:
    """Is the index behind, or does it show what was sold?"""
    seen = signs.index
    if seen is None:
        return _finding("index", [], {}, missing="nobody looked at the index's lag")
    figures = dict[str, float]()
    wrong = _exceeded(figures, "lag_seconds", seen.lag_seconds, limits.lag_seconds, "the index is {:,.0f} s behind")
    if seen.sold_shown is not None:
        figures["sold_shown"] = seen.sold_shown.after
        if seen.sold_shown.rise > limits.sold_shown:
            wrong.append(
                f"{seen.sold_shown.after:.1%} of what is shown is not on sale, it was {seen.sold_shown.before:.1%}"
            )
    missing = "the index's lag, or the share of sold items, was not measured"
    unknown = seen.lag_seconds is None or seen.sold_shown is None
    return _finding("index", wrong, figures, missing if unknown else "", "the index is up to date")


def recall(_alarm: Reading, signs: Signals, limits: Limits = LIMITS) -> Finding:
    """Does the search find what is nearest, and are queries encoded by the collection's own recipe?"""
    seen = signs.recall
    if seen is None:
        return _finding("recall", [], {}, missing="nobody measured the index's recall")
    figures = dict[str, float]()
    wrong = _exceeded(figures, "mixed", seen.mixed, limits.mixed, "{:.1%} of the queries used another recipe")
    if seen.recall is not None:
        figures["recall"] = seen.recall.after
        if seen.recall.rise < -limits.recall:
            wrong.append(f"the search finds {seen.recall.after:.1%} of the nearest, it was {seen.recall.before:.1%}")
    missing = "" if seen.recall is not None and seen.mixed is not None else "recall or recipes were not measured"
    return _finding("recall", wrong, figures, missing, "the search finds what it found before, with one recipe")


def release(alarm: Reading, signs: Signals, limits: Limits = LIMITS) -> Finding:
    """Did a policy, an app version or a layout change when the drop began?"""
    if signs.releases is None:
        if alarm.source == "concurrent":
            return _finding("release", [], {}, good="both teams stand on the same shelves, any release hits both")
        return _finding("release", [], {}, missing="nobody told of releases")
    wrong, figures = list[str](), dict[str, float]()
    for each in signs.releases:
        if _guilty(each, alarm, limits):
            wrong.append(f"{each.kind} {each.name} went to {each.share.after:.0%} of the shelves on {each.day}")
            figures[f"{each.kind} {each.name}"] = each.share.rise
    good = "no release between its beginning and the alarm"
    if alarm.source == "concurrent":
        good = "both teams stand on the same shelves, and no release treats them differently"
    return _finding("release", wrong, figures, good=good)


def _guilty(each: Release, alarm: Reading, limits: Limits) -> bool:
    if alarm.source == "concurrent" and not each.one_sided:
        return False
    since, told = alarm.since or alarm.until, alarm.alarm or alarm.until
    if since is None or told is None or abs(each.share.rise) < limits.release_share:
        return False
    # The beginning is an estimate: of what came before the alarm, only long before is out of the question.
    if not since - timedelta(days=limits.release_days) <= each.day <= told:
        return False
    # Side by side on the same days, a difference shows whether it is the release or the day.
    return each.beside is None or _may_explain(each.beside, alarm, limits)


def _may_explain(beside: Change, alarm: Reading, limits: Limits) -> bool:
    fall = 1 - beside.after / beside.before if beside.before else 0.0
    unsure = 2 * beside.error / abs(beside.before) if beside.before else 0.0
    return fall + unsure >= limits.explains * (alarm.drop or 0.0)


def traffic(alarm: Reading, signs: Signals, limits: Limits = LIMITS) -> Finding:
    """Are there users who behave as no person does, and does the drop go away without them?"""
    seen = signs.traffic
    if seen is None or (seen.suspicious is None and seen.drop_without is None):
        if alarm.source == "concurrent":
            return _finding("traffic", [], {}, good="a user counts once a day, and can't see which team an item is of")
        return _finding("traffic", [], {}, missing="nobody looked for users who behave as no person does")
    wrong, figures = list[str](), dict[str, float]()
    if seen.drop_without is not None:
        figures["drop_without"] = seen.drop_without
        if alarm.drop is not None and seen.drop_without < (1 - limits.explains) * alarm.drop:
            wrong.append(f"without suspicious users the drop is {seen.drop_without:.1%}, not {alarm.drop:.1%}")
    if seen.suspicious is not None:
        figures["suspicious"] = seen.suspicious.after
        if seen.drop_without is None and seen.suspicious.rise > limits.suspicious:
            wrong.append(
                f"{seen.suspicious.after:.1%} of the shelves are of suspicious users, it was "
                f"{seen.suspicious.before:.1%}"
            )
    return _finding("traffic", wrong, figures, good="suspicious users are no more than they were, or change nothing")


def mix(alarm: Reading, signs: Signals, limits: Limits = LIMITS) -> Finding:
    """Is it what is looked at that changed, rather than how well each kind is served?

    The drop is split into what the known strata's shares did (mix), what happened within them, and what new ones add.
    A new category that is served badly is not mix: a model that has not learnt it is to learn it.
    """
    strata = signs.strata if signs.strata is not None else alarm.strata
    if not strata:
        return _finding("mix", [], {}, missing="there is no split by category and surface")
    figures = decompose(strata)
    if not figures:
        return _finding("mix", [], {}, good="it was so from the first day: there is no other mix to compare with")
    whole, moved = figures["mix"] + figures["within"] + figures["new"], figures["mix"]
    guilty = moved > 0 and moved >= limits.explains * max(whole, 0.0) and figures["within"] + figures["new"] < moved
    wrong = [f"the shares of categories and surfaces explain {moved:.3g} of a drop of {whole:.3g}"] if guilty else []
    return _finding("mix", wrong, figures, good="the drop is within categories and surfaces, or in new ones")


def decompose(strata: tuple[Stratum, ...]) -> dict[str, float]:
    """A drop as mix + within + new, in the measure's unit; empty where no stratum is known from before.

    With p and y shares and values before, q and z after, q' = q / (their sum over known strata), and Z the value
    after over all known strata: mix = sum (p - q') y, within = sum q' (y - z), new = sum over new strata of q (Z - z).
    """
    known = [each for each in strata if each.reference is not None and each.value is not None]
    share = sum(each.share.after for each in known)
    earlier = [each for each in strata if each.reference is not None]
    before = sum(each.share.before for each in earlier)
    if not known or share <= 0 or before <= 0:
        return {}
    level = sum(each.share.before / before * (each.reference or 0.0) for each in earlier)
    kept = sum(each.share.after / share * (each.reference or 0.0) for each in known)
    served = sum(each.share.after / share * (each.value or 0.0) for each in known)
    fresh = [each for each in strata if each.reference is None and each.value is not None]
    new = sum(each.share.after * (served - (each.value or 0.0)) for each in fresh)
    return {"mix": level - kept, "within": kept - served, "new": new}


def season(alarm: Reading, signs: Signals, limits: Limits = LIMITS) -> Finding:
    """Is it what these days do every year?"""
    if alarm.source == "concurrent":
        return _finding("season", [], {}, good="the anchor was shown to the same people on the same days")
    if signs.season is None:
        return _finding("season", [], {}, missing="nobody knows what these days did in earlier years")
    expected, needed = signs.season.expected, limits.explains * (alarm.drop or 0.0)
    wrong = [f"in earlier years these days were {expected:.1%} lower"] if expected > 0 and expected >= needed else []
    unsure = 2 * signs.season.error >= max(needed, 1e-9)
    missing = f"earlier years tell these days only to ± {2 * signs.season.error:.1%}" if unsure else ""
    good = f"in earlier years these days fell by {expected:.1%}, which is not it"
    return _finding("season", wrong, {"expected": expected}, missing, good)


Cause = Callable[[Reading, Signals, Limits], Finding]
CAUSES: dict[str, Cause] = {
    "recording": recording,
    "index": index,
    "recall": recall,
    "release": release,
    "traffic": traffic,
    "mix": mix,
    "season": season,
}
"""In the order in which they are tried: what makes every figure worthless first, the model last."""
DIAGNOSTICS: dict[str, tuple[str, ...]] = {
    "recording": ("shelves", "volumes", "attribution", "gaps", "recorder_lag", "refused_records"),
    "index": ("shelves", "sold_items", "index_lag"),
    "recall": ("recall", "other_models"),
    "release": ("shelves", "releases"),
    "traffic": ("shelves", "traffic"),
    "season": ("season",),
}
"""The diagnostics that a cause rests on, as `Signals.unknown` names them: if one of them failed it is not ruled out."""
PERSISTENT_CAUSES = ("recording", "index", "recall", "traffic")
"""While one of these is found, new evidence is spoilt too; the others moved the level once."""


def examine_causes(
    alarm: Reading, signs: Signals, tolerate: frozenset[str], limits: Limits = LIMITS
) -> tuple[Finding, ...]:
    """Every cause in order, and the model at the end: it is blamed where nothing else was found or may be it."""
    others = [_unless_unknown(cause(alarm, signs, limits), signs) for cause in CAUSES.values()]
    found = next((each for each in others if each.verdict == "found"), None)
    open_ = [each.cause for each in others if each.verdict == "not known" and each.cause not in tolerate]
    figures = {} if alarm.drop is None else {"drop": alarm.drop}
    verdict: Verdict = "found"
    message = f"nothing else explains it: the model is worse by about {alarm.drop or 0.0:.1%} since {alarm.since}"
    if found is not None:
        verdict, message = "ruled out", f"{found.cause} explains it"
    elif open_:
        verdict, message = "not known", f"not before it is known: {', '.join(open_)}"
    return (*others, Finding(cause="model", verdict=verdict, message=message, figures=figures))


def _unless_unknown(finding: Finding, signs: Signals) -> Finding:
    """A cause that was not found is not known if one of its diagnostics failed; the reasons are named."""
    failed = [f"{name}: {signs.unknown[name]}" for name in DIAGNOSTICS.get(finding.cause, ()) if name in signs.unknown]
    if finding.verdict == "found" or not failed:
        return finding
    said = [finding.message] if finding.verdict == "not known" else []
    return finding.model_copy(update={"verdict": "not known", "message": "; ".join([*said, *failed])})


def _exceeded(figures: dict[str, float], name: str, value: float | None, limit: float, words: str) -> list[str]:
    if value is None:
        return []
    figures[name] = float(value)
    return [words.format(value)] if value > limit else []


def _finding(cause: str, wrong: list[str], figures: dict[str, float], missing: str = "", good: str = "") -> Finding:
    """What is wrong counts even where something else is not known."""
    if wrong:
        return Finding(cause=cause, verdict="found", message="; ".join(wrong), figures=figures)
    if missing:
        return Finding(cause=cause, verdict="not known", message=missing, figures=figures)
    return Finding(cause=cause, verdict="ruled out", message=good, figures=figures)
