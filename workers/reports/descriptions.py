"""The words of a report: title, meaning and order of each figure and of each kind of slices."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.evaluation_report import Protocol
from workers.evaluation.shelf_statistics import AGES
from workers.reports.formatting import Form, plain


@dataclass(frozen=True)
class FigureDescription:
    """A figure in words: its title, one sentence for someone who must decide, and how it is written."""

    title: str
    meaning: str
    form: Form = "measure"
    unit: str = "shelves"
    """What its count is of."""


_FIGURES = {
    "no relevant item": FigureDescription(
        "No relevant item",
        "The share of visible shelves on which nobody clicked, liked or bought anything: nDCG and P leave them out.",
        "share",
    ),
    "DCG@5 IPS": FigureDescription(
        "DCG@5 corrected",
        "DCG@5 as if every position were examined as often as the first: an action at a position that is examined "
        "half as often counts twice. How often each is examined is estimated from randomised shelves, relative to the "
        "first position of the same layout: compare it within a layout only.",
    ),
    "DCG@5 clipped IPS": FigureDescription(
        "DCG@5 corrected, clipped",
        "The corrected DCG@5 with no weight above 10: less variance, and a little too low.",
    ),
    "DCG@5 SNIPS": FigureDescription(
        "DCG@5 self-normalised",
        "The corrected gain per corrected action instead of per shelf: compare it only with itself.",
    ),
    "sold items shown": FigureDescription(
        "Sold items shown",
        "The share of shown items that were no longer on sale: a lagging index, not the model.",
        "share",
        "items",
    ),
    "category mismatches": FigureDescription(
        "Category mismatches",
        "The share of shown items whose category is not the query's.",
        "share",
        "items",
    ),
    "new listings shown": FigureDescription(
        "New listings shown",
        "The share of shown items that were new at the time: whether new supply is seen at all.",
        "share",
        "items",
    ),
    "distinct sellers": FigureDescription(
        "Distinct sellers", "The mean number of different sellers on a shelf.", "count"
    ),
}
_FAMILIES = {
    "nDCG": FigureDescription(
        "",
        "How close the order is to the best order of the items that were acted on; 1 is best. Purchases count most, "
        "and only the {first}. The mean of the shelves on which somebody acted on something.",
    ),
    "DCG": FigureDescription(
        "",
        "How much was acted on at the {first}, higher positions counting more; a shelf without an action counts 0. "
        "The mean of all visible shelves, so it falls when there are fewer clicks.",
    ),
    "P": FigureDescription(
        "",
        "The share of the {first} that was acted on; the mean of the shelves on which somebody acted on something.",
    ),
    "MRR": FigureDescription(
        "",
        "1 / the position of the first item that was acted on, 0 beyond position {k}; the mean of the shelves on which "
        "somebody acted on something.",
    ),
    "Recall": FigureDescription("", "The share of the items that were acted on that are at the {first}."),
    "judged": FigureDescription(
        "",
        "The share of the {first} with an item that was on the shelf. Nobody could act on the others, and they count "
        "as not relevant: the lower this share, the less the other figures mean.",
        "share",
    ),
    "CTR": FigureDescription("Click rate", "The share of visible shelves with a click.", "share"),
    "CVR": FigureDescription(
        "Conversion", "The share of visible shelves with a purchase that was not cancelled.", "share"
    ),
}
_ITEM_CTR = FigureDescription("Click rate", "The share of the items seen there that were clicked.", "share", "items")

_BESIDE: tuple[tuple[str, str, str, Form], ...] = (
    (
        " random order",
        "{} of a random order",
        (
            "What the same items would score in a random order, on the same shelves: read the figure from here, not "
            "from 0. A shelf with few items, or with several good ones, scores high in any order."
        ),
        "measure",
    ),
    (
        " random to best",
        "{}: way from random to best",
        (
            "How far the order is from a random one (0 %) towards the best one (100 %): (nDCG − random) / "
            "(1 − random). Below 0 it is worse than chance."
        ),
        "share",
    ),
)
"""Figures that stand beside another one: the ending of the name, title, meaning and form."""

ORDER = (
    "nDCG@5",
    "nDCG@5 random order",
    "nDCG@5 random to best",
    "P@1",
    "P@3",
    "no relevant item",
    "DCG@5",
    "DCG@5 IPS",
    "DCG@5 clipped IPS",
    "DCG@5 SNIPS",
    "MRR@10",
    "CTR",
    "CVR",
)
"""The order of figures in a report; the others follow by name."""
HEADLINE = ("nDCG@5", "P@1", "P@3", "no relevant item", "DCG@5", "DCG@5 IPS")
INDEX_HEADLINE = ("judged@5", "nDCG@5", "P@1", "P@3", "MRR@10", "Recall@50")
INDEX = "Full index: a diagnostic"
INDEX_MEANING = (
    "What a model lists of all listings for the queries of recorded shelves, judged by what people did with the items "
    "on these shelves. Items that are sold by now are listed too, removed ones no longer can be. It favours the model "
    "that chose the items on the shelves: never compare these figures with those of shelves."
)
RERANKED = (
    "Both models ordered the same shelves by their present vectors; items that either lacks are last in both. First "
    "positions get more clicks, which favours a model that orders as the live one did: DCG@5 corrected allows for that."
)
ANYTIME = (
    "The 95 % interval is for one look, planned beforehand. The interval at every look (an asymptotic confidence "
    "sequence) may be looked at as often as you like, while the first day stays the same: it decides whether a "
    "difference is clear of 0."
)
HOLM = "differs from all shelves (Holm over all slices, at every look)"
DIAGNOSTICS = ("sold items shown", "category mismatches", "distinct sellers", "new listings shown")
KINDS = {
    "category": ("By category", "The query's category, the first part of its path."),
    "niche": ("Niches", "Categories that are watched by name, each with all below it."),
    "surface": ("By surface", "The part of the shop that showed the shelf."),
    "layout": ("By layout", "The layout of the shelf."),
    "variant": ("By variant", "The variant that the user was assigned to."),
    "model": ("By model", "The model that ordered the shelf."),
    "anchor": ("By anchor", "The model that the live one was interleaved with."),
    "policy": ("By policy", "Filters, caps, diversity and search settings of the shelf."),
    "app_version": ("By app version", "The version of the app that showed the shelf."),
    "position": ("By position", "The share of the items seen at each position that were clicked."),
    "age": ("By age of the listing", "The click rate of items, by the time since they were listed."),
}
"""What shelves are sliced by, in the order of a report: the title and one sentence of each."""


def kind(by: str) -> tuple[str, str]:
    """The title and the sentence of a kind of slices; without a sentence if it is not known here."""
    return KINDS.get(by, (f"By {plain(by)}", ""))


def describe_figure(name: str, by: str = "") -> FigureDescription:
    """What a figure is, by its name; the click rate of a slice by position or by age is of items, not of shelves.

    >>> describe_figure("nDCG@5").title, describe_figure("CTR").title, describe_figure("DCG(exp)@10").meaning[:48]
    ('nDCG@5', 'Click rate', 'How much was acted on at the first 10 positions,')
    """
    if name == "CTR" and by in ("position", "age"):
        return _ITEM_CTR
    if name in _FIGURES:
        return _FIGURES[name]
    for ending, title, meaning, form in _BESIDE:
        if name.endswith(ending):
            return FigureDescription(title.format(name.removesuffix(ending)), meaning, form)
    family, _, cutoff = name.partition("@")
    known = _FAMILIES.get(family.removesuffix("(exp)"))
    if known is None:
        return FigureDescription(plain(name), "A figure that this version cannot describe; it is shown as measured.")
    first = "first position" if cutoff == "1" else f"first {cutoff} positions"
    meaning = known.meaning.format(k=cutoff, first=first)
    return FigureDescription(known.title or plain(name), meaning, known.form, known.unit)


def ordered(names: Iterable[str]) -> list[str]:
    """Names of figures in the order of a report, each once."""
    return sorted(set(names), key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def kinds(names: Iterable[str]) -> list[str]:
    """The kinds of slices in the order of a report, each once."""
    known = list(KINDS)
    return sorted(set(names), key=lambda by: (known.index(by) if by in KINDS else len(known), by))


def sort_key(by: str, name: str) -> tuple[int, str]:
    """Sorts the slices of a kind: positions and ages in their own order, others by name.

    >>> sorted(["10", "9"], key=lambda name: sort_key("position", name))
    ['9', '10']
    """
    if by == "age" and name in AGES:
        return AGES.index(name), name
    return (int(name) if by == "position" and name.isascii() and name.isdigit() else 0), name


def headline(protocol: Protocol) -> tuple[str, ...]:
    """The figures that are always shown."""
    return INDEX_HEADLINE if protocol == "index" else HEADLINE
