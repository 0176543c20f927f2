"""A plot as SVG that stands within a page: its colours are the page's, its ids its own, its text is text."""

import re
import warnings
from collections.abc import Callable
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:  # loaded where something is drawn: it takes half a second, which no other command should wait
    from matplotlib.axes import Axes

SERIES = tuple(f"#0a0a0{number}" for number in range(6))
INK, QUIET, LINE, ACCENT, CARD, OPEN = (f"#01010{number}" for number in range(6))
"""Colours that stand for the page's own, so that a plot follows it from light to dark."""
_PAGE = {
    INK: "currentColor",
    QUIET: "var(--quiet)",
    LINE: "var(--line)",
    ACCENT: "var(--accent)",
    CARD: "var(--card)",
    OPEN: "var(--open)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES)},
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # a $ in a category is a $
    "font.size": 12,
    "font.family": "DejaVu Sans",
    "text.color": QUIET,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": LINE,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "ytick.left": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.facecolor": "none",
}


class Canvas:
    """What is drawn on: the axes, and words that show where the pointer rests."""

    def __init__(self, axes: "Axes") -> None:
        self.axes = axes
        self.words: list[str] = []

    def hover(self, left: float, bottom: float, width: float, height: float, words: str) -> None:
        """Show `words` where the pointer rests on this part of the plot, in the plot's own units."""
        from matplotlib.patches import Rectangle

        self.words.append(words)
        self.axes.add_patch(Rectangle((left, bottom), width, height, alpha=0, lw=0, gid=f"word{len(self.words) - 1}"))


def render_svg(
    name: str, size: tuple[int, int], margins: tuple[int, int, int, int], label: str, draw: Callable[[Canvas], None]
) -> Markup:
    """What `draw` draws, `size` pixels wide and high, with `margins` left, top, right and bottom of the axes.

    `name` must differ from plot to plot of a page; `label` says in words what is to be seen.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    (width, height), (left, top, right, bottom) = size, margins
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # The font that text is measured with need not have every letter: what shows it is the reader's own.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        box = (left / width, bottom / height, 1 - (left + right) / width, 1 - (top + bottom) / height)
        sheet = Canvas(figure.add_axes(box))
        draw(sheet)
        written = StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    return Markup(_inline(written.getvalue(), name, size, label, sheet.words))  # noqa: S704  # its text is escaped


def _inline(text: str, name: str, size: tuple[int, int], label: str, words: list[str]) -> str:
    """The document's drawing alone: no declarations, no addresses, no styles for the rest of the page."""
    body = text[text.index(">", text.index("<svg")) + 1 :]
    for what in (r"<metadata>.*?</metadata>", r'<style type="text/css">.*?</style>', r"<!--.*?-->"):
        body = re.sub(what, "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="word(\d+)">', lambda found: f"<g><title>{escape(words[int(found[1])])}</title>", body)
    body = re.sub(r' id="(?:figure|axes|patch|line2d|text|matplotlib|xtick|ytick|[A-Z]\w*)_\w+"', "", body)
    body = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{name}-", body).replace("xlink:href", "href")
    body = re.sub(r"font: ([\d.]+)px 'DejaVu Sans'[^;\"]*", r"font-size: \1px", body)
    body = re.sub(r" ?font-family: 'DejaVu Sans'[^;\"]*;?| transform=\"rotate\(-0 [^\"]*\"", "", body)
    for colour, own in _PAGE.items():
        body = body.replace(colour, own)
    body = re.sub(r"\s*\n\s*", "\n", body)
    head = f'<svg viewBox="0 0 {size[0]} {size[1]}" role="img" aria-label="{escape(label)}" class="plot">'
    return head + body
