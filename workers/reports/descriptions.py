"""What each figure and each kind of slice is called, what it says in one sentence, and in which order they are told."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.evaluation_report import Protocol
from workers.evaluation.shelf_statistics import AGES
from workers.reports.formatting import Form, plain


@dataclass(frozen=True)
class FigureDescription:
    """A figure in words: its title, one sentence for someone who must decide, and how it is written."""

    title: str
    says: str
    form: Form = "measure"
    of: str = "shelves"
    """What is counted beside it."""


_FIGURES = {
    "no relevant item": FigureDescription(
        "No relevant item",
        "The share of visible shelves where nobody clicked, liked or bought anything: nDCG and P say nothing of them.",
        "share",
    ),
    "DCG@5 IPS": FigureDescription(
        "DCG@5 corrected",
        "DCG@5 as it would be if every place were looked at like the first: each click weighs as much more as its "
        "place is looked at less, by what the randomised shelves show.",
    ),
    "DCG@5 clipped IPS": FigureDescription(
        "DCG@5 corrected, clipped",
        "The corrected DCG@5 with no weight above 10: steadier, and a little too low.",
    ),
    "DCG@5 SNIPS": FigureDescription(
        "DCG@5 self-normalised",
        "The corrected gain for each corrected action instead of each shelf: compare it only with itself.",
    ),
    "sold items shown": FigureDescription(
        "Sold items shown",
        "The share of shown items that were not on sale when they were shown: a lagging index, not the model.",
        "share",
        "items",
    ),
    "category mismatches": FigureDescription(
        "Category mismatches",
        "The share of shown items of another category than the one they stand under.",
        "share",
        "items",
    ),
    "new listings shown": FigureDescription(
        "New listings shown",
        "The share of shown items that were new when they were shown: whether new supply is seen at all.",
        "share",
        "items",
    ),
    "distinct sellers": FigureDescription(
        "Distinct sellers", "How many different sellers a shelf shows, on average.", "count"
    ),
}
_FAMILIES = {
    "nDCG": FigureDescription(
        "",
        "How near the order came to the best order of what was acted on, 1 being the best; purchases weigh most, "
        "and only what stands at the {first} counts. The mean of the shelves where somebody acted on something.",
    ),
    "DCG": FigureDescription(
        "",
        "How much was acted on at the {first}, the upper ones counting more; a shelf where nobody acts "
        "counts 0. The mean of all visible shelves, so it falls when clicks vanish.",
    ),
    "P": FigureDescription(
        "",
        "Of what stood at the {first}, the share that was acted on; of the shelves where anything was.",
    ),
    "MRR": FigureDescription(
        "",
        "1 over the place of the first item acted on, 0 behind place {k}; the mean of the shelves where anything was.",
    ),
    "Recall": FigureDescription(
        "",
        "The share of what was acted on that stood at the {first}.",
    ),
    "judged": FigureDescription(
        "",
        "The share of the {first} that hold an item which was on the shelf: of the others nobody could say "
        "anything, and they count as not wanted. The lower it is, the less the figures beside it say.",
        "share",
    ),
    "CTR": FigureDescription("Click rate", "The share of visible shelves with a click.", "share"),
    "CVR": FigureDescription(
        "Conversion", "The share of visible shelves with a purchase that was not cancelled.", "share"
    ),
}
_ITEM_CTR = FigureDescription("Click rate", "The share of the items seen there that were clicked.", "share", "items")

ORDER = (
    "nDCG@5",
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
"""In which figures are told; what is not named comes after, by name."""
HEADLINE = ORDER[:6]
INDEX_HEADLINE = ("judged@5", "nDCG@5", "P@1", "P@3", "MRR@10", "Recall@50")
INDEX = "Full index: a diagnostic"
INDEX_SAYS = (
    "What a model lists of all listings for the queries of recorded shelves, judged by what people did with what was "
    "on these. What is sold by now is listed too; what was removed no longer can be. It favours the model that chose "
    "what was on the shelves, so its figures stand by themselves: none is ever to be put beside one of what was shown."
)
ORDERED = (
    "Both ordered the same shelves by their vectors as they are now; what either lacks comes last in both. What stood "
    "first was clicked more, which favours a model that orders as the live one did: DCG@5 corrected allows for that."
)
DIAGNOSTICS = ("sold items shown", "category mismatches", "distinct sellers", "new listings shown")
KINDS = {
    "category": ("By category", "The query's category, the first part of its path."),
    "niche": ("Niches", "Categories that are watched by name, each with all below it."),
    "surface": ("By surface", "Where the shelf was shown."),
    "layout": ("By layout", "How the shelf was laid out."),
    "variant": ("By variant", "The variant that the user was assigned to."),
    "model": ("By model", "The model whose order was shown."),
    "anchor": ("By anchor", "The model that the live one was interleaved with."),
    "policy": ("By policy", "Filters, caps, diversity and search settings of the shelf."),
    "app_version": ("By app version", "The version of the app that showed the shelf."),
    "position": ("By place", "The share of the items seen at each place that were clicked."),
    "age": (
        "By age of the listing",
        "How long an item had been listed, and how often it is clicked.",
    ),
}
"""What shelves are sliced by, in which order, and what that is."""


def describe_figure(name: str, by: str = "") -> FigureDescription:
    """What a figure is; `by` is what it is sliced by, for of places and ages a click rate is of items.

    >>> describe_figure("nDCG@5").title, describe_figure("CTR").title, describe_figure("DCG(exp)@10").says[:48]
    ('nDCG@5', 'Click rate', 'How much was acted on at the first 10 places, th')
    """
    if name == "CTR" and by in ("position", "age"):
        return _ITEM_CTR
    if name in _FIGURES:
        return _FIGURES[name]
    family, _, cutoff = name.partition("@")
    known = _FAMILIES.get(family.removesuffix("(exp)"))
    if known is None:
        return FigureDescription(
            plain(name), "A figure that this page has no words for yet; it is told as it was measured."
        )
    first = "first place" if cutoff == "1" else f"first {cutoff} places"
    return FigureDescription(known.title or plain(name), known.says.format(k=cutoff, first=first), known.form, known.of)


def ordered(names: Iterable[str]) -> list[str]:
    """Names of figures in the order in which they are told, each once."""
    return sorted(set(names), key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def kinds(found: Iterable[str]) -> list[str]:
    """What there are slices by, in the order in which they are told, each once."""
    known = list(KINDS)
    return sorted(set(found), key=lambda by: (known.index(by) if by in KINDS else len(known), by))


def sort_key(by: str, name: str) -> tuple[int, str]:
    """Where a slice stands among those of its kind, where they have an order of their own.

    >>> sorted(["10", "9"], key=lambda name: sort_key("position", name))
    ['9', '10']
    """
    if by == "age" and name in AGES:
        return AGES.index(name), name
    return (int(name) if by == "position" and name.isascii() and name.isdigit() else 0), name


def headline(protocol: Protocol) -> tuple[str, ...]:
    """The figures that are always told."""
    return INDEX_HEADLINE if protocol == "index" else HEADLINE
