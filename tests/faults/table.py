"""The table at the end: a row for each case, of equal meaning everywhere."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Row:
    """What became of everything that a case published."""

    case: str
    produced: int
    indexed: int
    superseded: int
    dead_lettered: int
    lost: int
    phantom: int
    regressed: int
    encoded_twice: int
    recovered_s: float | None
    """Seconds from the moment at which the service, or the seat of the killed worker, was to be had again."""
    seconds: float
    note: str = ""


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))
TITLES = {
    "dead_lettered": "dead-lettered",
    "encoded_twice": "encoded twice",
    "recovered_s": "s to recover",
    "seconds": "s",
}


def as_table(rows: Sequence[Row]) -> list[str]:
    """The lines of a Markdown table, with the sums below."""
    cells = [[_text(getattr(row, name)) for name in COLUMNS] for row in rows]
    cells.append([_text(_sum(rows, name)) for name in COLUMNS])
    titles = [TITLES.get(name, name) for name in COLUMNS]
    widths = [max(len(line[number]) for line in [titles, *cells]) for number in range(len(COLUMNS))]
    lines = [titles, ["-" * width for width in widths], *cells]
    return ["| " + " | ".join(_aligned(line, widths)) + " |" for line in lines]


def keep(row: Row, path: str) -> None:
    """Append the row to a file, as a line of JSON; nothing where there is no file."""
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps(dataclasses.asdict(row)) + "\n")


def kept(path: Path) -> list[Row]:
    """The rows of such a file."""
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]


def _sum(rows: Sequence[Row], name: str) -> object:
    if name in ("case", "note"):
        return f"{len(rows)} cases" if name == "case" else ""
    numbers = [getattr(row, name) for row in rows if getattr(row, name) is not None]
    return max(numbers, default=None) if name == "recovered_s" else sum(numbers)


def _text(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    texts = ("case", "note")
    return [
        cell.ljust(width) if name in texts else cell.rjust(width)
        for name, cell, width in zip(COLUMNS, line, widths, strict=True)
    ]
