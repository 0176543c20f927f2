"""What every command prints: one JSON document, or a page for people; progress; and lines on stderr.

Pages and progress bars are drawn by rich, which is imported only when one is shown: it takes 0.05 s. Text from outside
never reaches it unescaped, and its own markup is off.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Self, TextIO, Union, cast

import typer

from streams.redaction import redacted
from streams.settings import Settings
from streams.terminal_text import cell, escaped_json, visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress as RichProgress
    from rich.table import Table
    from rich.text import Text

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]

Page = Union["RenderableType", Sequence["RenderableType"]]
"""What people read: text, a table, or several of them with an empty line between two."""
_UNBROKEN = 1_000_000
"""Columns of an output that is no terminal: no line is ever broken there."""


def settings_of(context: typer.Context) -> Settings:
    """The settings that the program's own options and the environment gave."""
    return cast("Settings", context.find_root().obj)


def show(document: Mapping[str, Any], *, as_json: bool, page: Callable[[], Page]) -> None:
    """Print `document` as JSON, exactly; or what `page` returns for people, without what a terminal obeys or hides."""
    if as_json:
        text = escaped_json(json.dumps(document, ensure_ascii=False, default=str))
    else:
        text = _rendered(page(), _console(sys.stdout))
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


@contextmanager
def repeated_show(*, as_json: bool, live: bool) -> Iterator[Callable[[Mapping[str, Any], Callable[[], Page]], None]]:
    """`show` for `--watch` (`live`): on a terminal each page replaces the one before, elsewhere it follows it."""
    if as_json or not live or not sys.stdout.isatty():
        yield lambda document, page: show(document, as_json=as_json, page=page)
        return
    from rich.live import Live

    with Live(console=_console(sys.stdout), auto_refresh=False) as screen:
        yield lambda _document, page: screen.update(_one(page()), refresh=True)


def say(line: str) -> None:
    """A line for people on stderr: progress, hints and errors, never a result."""
    sys.stderr.write(visible(redacted(line)) + "\n")
    sys.stderr.flush()


def table(headings: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> "Table":
    """Aligned columns: text to the left, numbers to the right; a cell has at most `CELL` characters.

    A terminal that is too narrow breaks text, not numbers.
    """
    from rich.table import Table

    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column, heading in enumerate(headings):
        numeric = bool(rows) and all(isinstance(row[column], int | float | Decimal | None) for row in rows)
        found.add_column(
            _text(heading), justify="right" if numeric else "left", no_wrap=numeric, overflow="fold", min_width=1
        )
    for row in rows:
        found.add_row(*(_text(cell(value)) for value in row))
    return found


def fields(rows: Sequence[tuple[str, object]], *, most: int = 1_000, indent: int = 0) -> "Table":
    """One line for each name and its value, which has at most `most` characters."""
    from rich.table import Table

    found = Table.grid(padding=(0, 2, 0, 0))
    found.add_column(style="bold", no_wrap=True)
    found.add_column(overflow="fold")
    for name, value in rows:
        found.add_row(_text(f"{'':{indent}}{cell(name)}"), _text(cell(value, most)))
    return found


def titled(title: str, content: "RenderableType") -> "RenderableType":
    """A line above a table."""
    from rich.console import Group
    from rich.text import Text

    return Group(Text(visible(redacted(title)), style="bold"), content)


def plain_text(page: Page) -> str:
    """A page as it is written to a file: without colours, no line broken."""
    return _rendered(page, _plain_console()).rstrip("\n")


class Progress:
    """A bar on stderr that counts up, on a terminal only, and is erased at the end."""

    def __init__(self, noun: str, total: int | None = None) -> None:
        """Count `noun`, of `total` if that is known."""
        self._noun, self._total = noun, total
        self._bars = _Bars() if sys.stderr.isatty() else None

    def show(self, count: int, more: str = "") -> None:
        """Show that `count` are done."""
        if self._bars is not None:
            self._bars.show(self._noun, count, self._total, more)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.close()


@contextmanager
def counted_steps() -> Iterator[Callable[[str, int], None]]:
    """Takes what is counted, and how much of it is done; on a terminal stderr has a bar for each, until the end."""
    if not sys.stderr.isatty():
        yield lambda _noun, _count: None
        return
    bars = _Bars()
    try:
        yield bars.show
    finally:
        bars.close()


class _Bars:
    """One bar for each noun; drawn at most ten times a second, by a thread of rich."""

    def __init__(self) -> None:
        self._drawn: RichProgress | None = None
        self._tasks: dict[str, Any] = {}

    def show(self, noun: str, count: int, total: int | None = None, more: str = "") -> None:
        drawn = self._drawn = self._drawn or self._start()
        if noun not in self._tasks:
            self._tasks[noun] = drawn.add_task("", total=total, count="")
        done = f"{count:,}" if total is None else f"{count:,} of {total:,}"
        drawn.update(self._tasks[noun], completed=count, count=f"{done} {noun}{more}")

    def close(self) -> None:
        if self._drawn is not None:
            self._drawn.stop()

    def _start(self) -> "RichProgress":
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        columns = (BarColumn(bar_width=20), TextColumn("{task.fields[count]}", markup=False), TimeElapsedColumn())
        found = RichProgress(*columns, console=_console(sys.stderr), transient=True, redirect_stdout=False)
        found.start()
        return found


def _console(stream: TextIO) -> "Console":
    """Draws on a terminal; without colour, and no line broken, elsewhere."""
    from rich.console import Console

    if not stream.isatty():
        return _plain_console()

    class WithCursor(Console):
        """Never hides the cursor: a process that SIGTERM or SIGKILL ends could not show it again."""

        def show_cursor(self, show: bool = True) -> bool:
            return show and super().show_cursor()

    return WithCursor(file=stream, highlight=False, markup=False, emoji=False)


def _plain_console() -> "Console":
    from rich.console import Console

    return Console(width=_UNBROKEN, force_terminal=False, color_system=None, highlight=False, markup=False, emoji=False)


def _rendered(page: Page, console: "Console") -> str:
    with console.capture() as capture:
        for number, part in enumerate(_parts(page)):
            if number:
                console.print()
            # Text is broken by the terminal itself, so that a long command can be copied from it as one line.
            console.print(part, soft_wrap=not _is_laid_out(part))
    return "\n".join(line.rstrip(" ") for line in capture.get().split("\n"))


def _one(page: Page) -> "RenderableType":
    from rich.console import Group

    parts = [each for part in _parts(page) for each in (part, "")]
    return Group(*parts[:-1])


def _parts(page: Page) -> "list[RenderableType]":
    parts = page if isinstance(page, list | tuple) else [cast("RenderableType", page)]
    return [_text(each) if isinstance(each, str) else each for each in parts]


def _is_laid_out(part: "RenderableType") -> bool:
    from rich.text import Text

    return not isinstance(part, Text)


def _text(words: str) -> "Text":
    from rich.text import Text

    return Text(visible(redacted(words)))
