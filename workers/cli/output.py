"""What every command shares: its settings, one JSON document or lines for people, and how an error ends it."""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Self, cast

import typer

from streams.redaction import redacted
from streams.settings import Settings
from streams.terminal_text import cell, escaped_json, visible

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]


def settings_of(context: typer.Context) -> Settings:
    """The settings that the program's own options and the environment gave."""
    return cast("Settings", context.find_root().obj)


def show(document: Mapping[str, Any], *, as_json: bool, lines: Callable[[], str]) -> None:
    """Print `document` as JSON, exactly; or what `lines` returns for people, without what a terminal obeys or hides."""
    if as_json:
        text = escaped_json(json.dumps(document, ensure_ascii=False, default=str))
    else:
        text = visible(redacted(lines()))
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def say(line: str) -> None:
    """A line for people on stderr: progress, hints and errors, never a result."""
    sys.stderr.write(visible(redacted(line)) + "\n")
    sys.stderr.flush()


class Progress:
    """A line on stderr that counts up, on a terminal only, at most ten times a second."""

    def __init__(self, word: str, total: int | None = None) -> None:
        self._word, self._of = word, f" of {total}" if total is not None else ""
        self._shown_at = 0.0
        self._active = sys.stderr.isatty()

    def show(self, count: int, more: str = "") -> None:
        """Show that `count` are done."""
        now = time.monotonic()
        if self._active and now - self._shown_at >= 0.1:
            self._shown_at = now
            sys.stderr.write(f"\r\x1b[K{count}{self._of} {self._word}{more}")
            sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._active and self._shown_at:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def table(headings: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    """Aligned columns: text to the left, numbers to the right; each cell on one line, of at most `CELL` characters."""
    cells = [headings, *(tuple(cell(value) for value in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    numeric = [
        bool(rows) and all(isinstance(row[column], int | float | Decimal | None) for row in rows)
        for column in range(len(headings))
    ]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in cells
    )
