"""The shapes of a plot in pixels: the template `plot.svg` writes them as SVG, the page's style sheet colours them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10

Point = tuple[float, float]

MARKERS = (
    "M0-3.5a3.5 3.5 0 1 0 .01 0z",
    "M-3-3h6v6h-6z",
    "M0-4.5l4.5 4.5-4.5 4.5-4.5-4.5z",
    "M0-4l4 7.5h-8z",
    "M0 4l4-7.5h-8z",
    "M-1.5-4h3v2.5h2.5v3h-2.5v2.5h-3v-2.5h-2.5v-3h2.5z",
)
"""SVG paths around (0, 0): circle, square, diamond, triangle up, triangle down, plus."""
CROSS = "M-3-3l6 6m0-6l-6 6"


@dataclass(frozen=True)
class Scale:
    """A linear map from values in [low, high] to pixels in [start, end].

    >>> Scale(0.0, 2.0, 100.0, 0.0)(0.5)
    75.0
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)


def ticks(low: float, high: float, most: int) -> list[float]:
    """The multiples in [low, high] of 1, 2, 2.5 or 5 times a power of ten, so that at most `most` steps fit.

    >>> ticks(0.131, 0.478, 5), ticks(0.63, 0.75, 3)
    ([0.2, 0.3, 0.4], [0.65, 0.7, 0.75])
    """
    least = (high - low) / most
    power = 10.0 ** floor(log10(least))
    step = next((power * factor for factor in (1, 2, 2.5, 5) if power * factor >= least), 10 * power)
    return [round(number * step, 12) for number in range(ceil(low / step), floor(high / step) + 1)]


@dataclass(frozen=True)
class Path:
    """Straight lines from point to point; `style` is CSS classes of the page."""

    style: str
    points: Sequence[Point]

    @property
    def data(self) -> str:
        """The `d` attribute."""
        return "M" + "L".join(f"{x:g} {y:g}" for x, y in self.points)


@dataclass(frozen=True)
class Marker:
    """A small shape around a point; `path` is one of MARKERS, or CROSS."""

    style: str
    x: float
    y: float
    path: str = MARKERS[0]


@dataclass(frozen=True)
class Text:
    """Words beside a point, centred on it vertically; `anchor` is SVG's text-anchor."""

    text: str
    x: float
    y: float
    style: str = ""
    anchor: str = "middle"


@dataclass(frozen=True)
class Tooltip:
    """Words that are shown while the pointer is in a rectangle."""

    text: str
    x: float
    y: float
    width: float
    height: float


@dataclass
class Plot:
    """A drawing of `width` by `height` pixels; `label` describes it in words, for people who can't see it.

    Its methods take values, which the scales `x` and `y` map to pixels.
    """

    width: int
    height: int
    x: Scale
    y: Scale
    label: str
    paths: list[Path] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    tooltips: list[Tooltip] = field(default_factory=list)

    def line(self, style: str, *points: Point) -> None:
        """Straight lines from point to point."""
        self.paths.append(Path(style, [(self.x(x), self.y(y)) for x, y in points]))

    def marker(self, style: str, x: float, y: float, path: str = MARKERS[0]) -> None:
        """A small shape at a point."""
        self.markers.append(Marker(style, self.x(x), self.y(y), path))

    def text(self, text: str, x: float, y: float, style: str, anchor: str) -> None:
        """Words at a point."""
        self.texts.append(Text(text, self.x(x), self.y(y), style, anchor))

    def tooltip(self, text: str, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Words for the rectangle between two values of each scale."""
        (left, right), (top, bottom) = sorted(map(self.x, x)), sorted(map(self.y, y))
        self.tooltips.append(Tooltip(text, left, top, round(right - left, 1), round(bottom - top, 1)))

    def x_axis(self, labels: Mapping[float, str], *, title: str = "", style: str = "") -> None:
        """Labels below the plot, with vertical lines if a `style` is given."""
        bottom = max(self.y.start, self.y.end)
        for value, label in labels.items():
            if style:
                self.line(style, (value, self.y.low), (value, self.y.high))
            self.texts.append(Text(label, self.x(value), bottom + 14))
        if title:
            self.texts.append(Text(title, (self.x.start + self.x.end) / 2, bottom + 32))

    def y_axis(self, labels: Mapping[float, str], *, style: str = "") -> None:
        """Labels at the left, each with a horizontal line."""
        for value, label in labels.items():
            self.line("grid", (self.x.low, value), (self.x.high, value))
            self.texts.append(Text(label, self.x.start - 8, self.y(value), style, "end"))

    def right_label(self, y: float, text: str, style: str) -> None:
        """Words to the right of the plot."""
        self.texts.append(Text(text, self.x.end + 7, self.y(y), style, "start"))
