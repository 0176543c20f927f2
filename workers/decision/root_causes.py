"""What an alarm may come from, tried in order: each cause reads the signs and says found, ruled out, or not known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import hypot, sqrt

from pydantic import BaseModel, ConfigDict, Field

from schemas.retrain_request import Verdict
from workers.decision.alarms import Reading
from workers.decision.signals import Recording, Release, Signals, Stratum


class Limits(BaseModel):
    """From where on a figure speaks for a cause."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    volume: float = 0.3
    """Relative change of shelves a day, either way."""
    joined: float = 0.02
    """Fall of the share of actions whose shelf is known."""
    outside: float = 0.02
    """Rise of the share of actions that lie outside the window of a shelf that is known."""
    seen_share: float = 0.1
    """Relative change of the share of shelves that came before somebody, either way, on the same surface and layout."""
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
    """Share of the drop that a cause has to explain to be found."""
    sure: float = 1.645
    """Standard errors that are added to what the causes explain, before the rest is tested: 95 %, one-sided."""


LIMITS = Limits()
SHARE_NAMED = 0.005
"""A smaller share of a drop, relative, is not worth a word."""


class Finding(BaseModel):
    """The result of checking one cause."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    cause: str
    verdict: Verdict
    message: str = Field(alias="says")
    figures: dict[str, float] = {}
    explains: float | None = None
    """The relative drop that it takes on itself; None if it says nothing about a size: found, it is the whole."""
    error: float = 0.0
    """The standard error of `explains`."""


def recording(alarm: Reading, signs: Signals, limits: Limits = LIMITS) -> Finding:
    """Is what happens recorded? By volumes, the join rate, the windows, and the split that was drawn."""
    seen = signs.recording
    if seen is None:
        return _finding("recording", [], {}, missing="nobody counted shelves, actions and joins")
    wrong, figures = list[str](), dict[str, float]()
    if seen.actions_a_shelf is not None and seen.actions_a_shelf.before > 0:
        # Shown only: fewer actions are what a worse model brings, and no sign that they are not recorded.
        figures["actions_a_shelf"] = seen.actions_a_shelf.after / seen.actions_a_shelf.before
    if seen.shelves_a_day is not None and seen.shelves_a_day.before > 0:
        figures["shelves_a_day"] = seen.shelves_a_day.after / seen.shelves_a_day.before
        if not 1 - limits.volume <= figures["shelves_a_day"] <= 1 / (1 - limits.volume):
            wrong.append(f"shelves a day went from {seen.shelves_a_day.before:.4g} to {seen.shelves_a_day.after:.4g}")
    if seen.seen_share is not None and seen.seen_share.before > 0:
        figures["seen_share"] = seen.seen_share.after / seen.seen_share.before
        # It falls where beacons are lost; where none come any more, all shelves count as visible, and it rises.
        if not 1 - limits.seen_share <= figures["seen_share"] <= 1 / (1 - limits.seen_share):
            wrong.append(
                f"{seen.seen_share.after:.1%} of the shelves of a surface and layout came before somebody, it was "
                f"{seen.seen_share.before:.1%}"
            )
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


def index(alarm: Reading, signs: Signals, limits: Limits = LIMITS) -> Finding:
    """Is the index behind, or does it show what was sold?"""
    seen = signs.index
    if seen is None:
        return _finding("index", [], {}, missing="nobody looked at the index's lag")
    figures = dict[str, float]()
    wrong = _exceeded(figures, "lag_seconds", seen.lag_seconds, limits.lag_seconds, "the index is {:,.0f} s behind")
    missing = "the index's lag, or the share of sold items, was not measured"
    unknown = missing if seen.lag_seconds is None or seen.sold_shown is None else ""
    if wrong or seen.sold_shown is None:
        return _finding("index", wrong, figures, unknown, "the index is up to date")
    figures["sold_shown"] = seen.sold_shown.after
    said = f"{seen.sold_shown.after:.1%} of what is shown is not on sale, it was {seen.sold_shown.before:.1%}"
    rise = seen.sold_shown.rise if seen.sold_shown.rise > limits.sold_shown else 0.0
    # What was sold earns nothing; at the first places it may be twice as frequent as on the whole shelf.
    return _share("index", alarm, Estimate(2 * rise), said, "the index is up to date", limits, figures, unknown)


def recall(alarm: Reading, signs: Signals, limits: Limits = LIMITS) -> Finding:
    """Does the search find what is nearest, and are queries encoded by the collection's own recipe?"""
    seen = signs.recall
    if seen is None:
        return _finding("recall", [], {}, missing="nobody measured the index's recall")
    figures = dict[str, float]()
    wrong = _exceeded(figures, "mixed", seen.mixed, limits.mixed, "{:.1%} of the queries used another recipe")
    missing = "" if seen.recall is not None and seen.mixed is not None else "recall or recipes were not measured"
    good = "the search finds what it found before, with one recipe"
    if wrong or seen.recall is None:
        return _finding("recall", wrong, figures, missing, good)
    figures["recall"] = seen.recall.after
    said = f"the search finds {seen.recall.after:.1%} of the nearest, it was {seen.recall.before:.1%}"
    fall = -seen.recall.rise if seen.recall.rise < -limits.recall else 0.0
    # What is missing is replaced by what is nearly as near: at most so much is lost.
    return _share("recall", alarm, Estimate(fall), said, good, limits, figures, missing)


def release(alarm: Reading, signs: Signals, limits: Limits = LIMITS) -> Finding:
    """Did a policy, an app version or a layout change when the drop began?"""
    if signs.releases is None:
        if alarm.source == "concurrent":
            return _finding("release", [], {}, good="both teams stand on the same shelves, any release hits both")
        return _finding("release", [], {}, missing="nobody told of releases")
    good = "no release between its beginning and the alarm"
    if alarm.source == "concurrent":
        good = "both teams stand on the same shelves, and no release treats them differently"
    suspects = [each for each in signs.releases if _suspect(each, alarm, limits)]
    figures = {f"{each.kind} {each.name}": each.share.rise for each in suspects}
    said = "; ".join(
        f"{each.kind} {each.name} went to {each.share.after:.0%} of the shelves on {each.day}" for each in suspects
    )
    if not suspects:
        return _finding("release", [], figures, good=good)
    effect = largest_effect(suspects, alarm)
    if effect is None:
        return _finding("release", [said], figures)
    return _share(
        "release", alarm, effect, said, "no release explains it: side by side they differ less", limits, figures
    )


def _suspect(each: Release, alarm: Reading, limits: Limits) -> bool:
    if alarm.source == "concurrent" and not each.one_sided:
        return False
    since, told = alarm.since or alarm.until, alarm.alarm or alarm.until
    if since is None or told is None or abs(each.share.rise) < limits.release_share:
        return False
    # The beginning is an estimate: of what came before it, only long before is out of the question, and what came well
    # after it found the drop there.
    last = min(told, since + timedelta(days=limits.release_days // 2))
    return since - timedelta(days=limits.release_days) <= each.day <= last


@dataclass(frozen=True)
class Estimate:
    """A relative drop and its standard error."""

    value: float
    error: float = 0.0


def largest_effect(suspects: Sequence[Release], alarm: Reading) -> Estimate | None:
    """What the release did that explains the most; None if that can't be said of one of them.

    Not their sum: an app version and the layout that it brings are one thing, and a version is compared with all that
    were there before it, so that the one which did it shows the whole.
    """
    came = [each for each in suspects if each.share.rise > 0] or suspects  # what went away is the mirror of what came
    effects = [_effect(each, alarm) for each in came]
    known = [each for each in effects if each is not None]
    return max(known, key=lambda each: each.value + each.error) if len(known) == len(effects) else None


def _effect(each: Release, alarm: Reading) -> Estimate | None:
    """The drop of all shelves by a release: side by side, or else by the step of the days around its coming."""
    beside = each.beside
    if beside is not None and beside.before > 0:
        share = each.share.rise if each.exposed is None else each.exposed
        return Estimate(share * (1 - beside.after / beside.before), share * beside.error / beside.before)
    falls = dict(alarm.falls)
    around = [
        [falls[day] for number in numbers if (day := each.day + timedelta(number)) in falls]
        for numbers in ((-2, -1), (0, 1))
    ]
    if not all(around):
        return None
    step = sum(around[1]) / len(around[1]) - sum(around[0]) / len(around[0])
    return Estimate(step, alarm.spread * sqrt(1 / len(around[0]) + 1 / len(around[1])))


def traffic(alarm: Reading, signs: Signals, limits: Limits = LIMITS) -> Finding:
    """Are there users who behave as no person does, and does the drop go away without them?"""
    seen = signs.traffic
    if seen is None or (seen.suspicious is None and seen.drop_without is None):
        if alarm.source == "concurrent":
            return _finding("traffic", [], {}, good="a user counts once a day, and can't see which team an item is of")
        return _finding("traffic", [], {}, missing="nobody looked for users who behave as no person does")
    wrong, figures = list[str](), dict[str, float]()
    if seen.suspicious is not None:
        figures["suspicious"] = seen.suspicious.after
        if seen.drop_without is None and seen.suspicious.rise > limits.suspicious:
            wrong.append(
                f"{seen.suspicious.after:.1%} of the shelves are of suspicious users, it was "
                f"{seen.suspicious.before:.1%}"
            )
    good = "suspicious users are no more than they were, or change nothing"
    if seen.drop_without is None or alarm.drop is None:
        return _finding("traffic", wrong, figures, good=good)
    figures["drop_without"] = seen.drop_without
    whole = alarm.drop if seen.drop_with is None else seen.drop_with
    said = f"without suspicious users the drop is {seen.drop_without:.1%}, not {whole:.1%}"
    return _share("traffic", alarm, Estimate(whole - seen.drop_without), said, good, limits, figures)


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
    rest = max(figures["within"] + figures["new"], 0.0)
    said = f"the shares of categories and surfaces explain {moved:.3g} of a drop of {whole:.3g}"
    good = "the drop is within categories and surfaces, or in new ones"
    # Observed falls are measured at the mix of the reference: no shift of it is in them.
    share = 0.0 if alarm.falls or moved <= 0 else moved / (moved + rest)
    return _share("mix", alarm, Estimate(share * (alarm.drop or 0.0)), said, good, limits, figures)


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
    unsure = 2 * signs.season.error >= max(needed, 1e-9)
    missing = f"earlier years tell these days only to ± {2 * signs.season.error:.1%}" if unsure else ""
    good = f"in earlier years these days fell by {expected:.1%}, which is not it"
    said = f"in earlier years these days were {expected:.1%} lower"
    effect = Estimate(expected, signs.season.error)
    return _share("season", alarm, effect, said, good, limits, {"expected": expected}, missing)


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
LEVEL_CAUSES = ("release",)
"""These moved the level for good: their share is allowed for from then on, and the reference stays what it was, so that
a model that decays a little between one release and the next is held against its own first days."""
PERSISTENT_CAUSES = ("recording", "index", "recall", "traffic")
"""While one of these is found, new evidence is spoilt too; the others moved the level once."""


def examine_causes(
    alarm: Reading, signs: Signals, tolerate: frozenset[str], limits: Limits = LIMITS
) -> tuple[Finding, ...]:
    """Every cause in order, and the model at the end: it is blamed for what is left when all others have their share.

    A cause that takes a share on itself leaves the rest; that is tested again with so much allowed for, at the upper
    end of what the causes may explain. A cause without a size (nothing is recorded, the index is behind) is the whole.
    """
    others = [_unless_unknown(cause(alarm, signs, limits), signs) for cause in CAUSES.values()]
    whole = next((each for each in others if each.verdict == "found" and each.explains is None), None)
    open_ = [each.cause for each in others if each.verdict == "not known" and each.cause not in tolerate]
    if whole is not None:
        return (*others, _model("ruled out", f"{whole.cause} explains it", alarm.drop))
    shared = [each for each in others if each.explains is not None and (each.explains > 0 or each.error > 0)]
    explained = sum(max(each.explains or 0.0, 0.0) for each in shared)
    most = explained + limits.sure * hypot(*(each.error for each in shared), 0.0)
    drop = alarm.drop or 0.0
    if _rest_stands(alarm, most, limits):
        if open_:
            return (*others, _model("not known", f"not before it is known: {', '.join(open_)}", alarm.drop))
        return (*others, _blamed(alarm, explained))
    largest = max(shared, key=lambda each: each.explains or 0.0)
    if explained >= max(limits.explains * drop, most - explained):
        others = [each.model_copy(update={"verdict": "found"}) if each is largest else each for each in others]
        return (*others, _model("ruled out", f"{largest.cause} explains it", alarm.drop))
    said = f"{largest.cause} may explain {explained:.1%}, at most {most:.1%}, of {drop:.1%}"
    return (*others, _model("not known", f"the rest is not certain: {said}", alarm.drop))


def _blamed(alarm: Reading, explained: float) -> Finding:
    rest = (alarm.drop or 0.0) - explained
    beside = f", beside {explained:.1%} that other causes explain" if explained >= SHARE_NAMED else ""
    message = f"nothing else explains it: the model is worse by about {rest:.1%} since {alarm.since}{beside}"
    return _model("found", message, rest)


def _rest_stands(alarm: Reading, most: float, limits: Limits) -> bool:
    """Whether there is still an alarm if `most` of the drop is no matter of the model."""
    if most <= 0:
        return True
    if alarm.retest is not None:
        return alarm.retest(most).alarm is not None
    return (alarm.drop or 0.0) - most > limits.explains * (alarm.drop or 0.0)


def _model(verdict: Verdict, message: str, drop: float | None) -> Finding:
    return Finding(cause="model", verdict=verdict, message=message, figures={} if drop is None else {"drop": drop})


def _share(
    cause: str,
    alarm: Reading,
    effect: "Estimate",
    said: str,
    good: str,
    limits: Limits,
    figures: dict[str, float],
    missing: str = "",
) -> Finding:
    """A cause with a size: found if it explains much of the drop, ruled out if it explains little for certain."""
    needed = max(limits.explains * (alarm.drop or 0.0), 1e-9)
    figures = {**figures, "explains": effect.value}
    sized = {"explains": effect.value, "error": effect.error}
    # A large share that may as well be nothing is not found: the rest is tested again when more days are there.
    if effect.value >= max(needed, limits.sure * effect.error):
        return Finding(cause=cause, verdict="found", message=said, figures=figures, **sized)
    if missing:
        return Finding(cause=cause, verdict="not known", message=missing, figures=figures, **sized)
    partly = f"{said}: {effect.value:.1%} of {alarm.drop or 0.0:.1%}" if effect.value >= SHARE_NAMED else good
    return Finding(cause=cause, verdict="ruled out", message=partly, figures=figures, **sized)


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
