"""Figures with their unit, their spread and their aim; as a table for people, as JSON for programs."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from workers.cli.output import plain_text, table


@dataclass(frozen=True)
class Figure:
    """One thing measured, once or several times; `aim` is the least that its median should be, `most` the most."""

    part: str
    name: str
    unit: str
    values: tuple[float, ...]
    aim: float | None = None
    note: str = ""
    most: float | None = None

    @property
    def median(self) -> float:
        """The middle of the values."""
        return float(median(self.values))

    @property
    def verdict(self) -> str:
        """Whether the aim is met; empty where there is none."""
        if self.aim is not None and self.median < self.aim:
            return f"SHORT by {_shown(self.aim - self.median)}"
        if self.most is not None and self.median > self.most:
            return f"OVER by {_shown(self.median - self.most)}"
        return "" if self.aim is None and self.most is None else "met"

    @property
    def bounds(self) -> str:
        """The aim in a few signs."""
        least = "" if self.aim is None else f"≥ {_shown(self.aim)}"
        return least if self.most is None else f"{least} ≤ {_shown(self.most)}".strip()

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "part": self.part,
            "name": self.name,
            "unit": self.unit,
            "values": list(self.values),
            "min": min(self.values),
            "median": self.median,
            "max": max(self.values),
            "aim": self.aim,
            "most": self.most,
            "met": self.verdict == "met" if self.verdict else None,
            "note": self.note,
        }


def as_table(figures: list[Figure]) -> str:
    """One line a figure: median first, then the spread where there is one."""
    rows: list[tuple[object, ...]] = [
        (
            each.part,
            each.name,
            _shown(each.median),
            each.unit,
            f"{_shown(min(each.values))} … {_shown(max(each.values))}, {len(each.values)} runs"
            if len(each.values) > 1
            else "",
            each.bounds,
            each.verdict,
            each.note,
        )
        for each in figures
    ]
    return plain_text(table(("", "measured", "median", "unit", "min … max", "aim", "", "note"), rows))


def _shown(value: float) -> str:
    """Three digits that count.

    >>> _shown(0.9534), _shown(41.26), _shown(13421.7)
    ('0.953', '41.3', '13,422')
    """
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 1 else f"{value:.3f}"
