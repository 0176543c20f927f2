"""`lookalike compact`: merge small files of recorded interactions."""

from typing import Annotated

import typer

from streams.errors import LookalikeError
from workers.cli.output import JsonOption, settings_of, show


def compact(
    context: typer.Context,
    day: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Merge the files of this day only.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Merge small files of recorded interactions, all that have a neighbour; safe while recorders and readers run.

    Recorders merge by themselves, each minute, if eight small files are neighbours.

    Example: lookalike compact --day 2026-11-23
    """
    from workers.interactions.layout import data_files, interactions_folder
    from workers.recorder.compaction import compact as merge

    folder = interactions_folder(settings_of(context))
    if not folder.is_dir():
        raise LookalikeError(f"{folder} is not there: nothing was recorded")
    try:
        merged = merge(folder, fewest=2, only=day)
    except OSError as error:
        raise LookalikeError(f"{error}; nothing is lost, the files are as they were") from error
    files = sum(1 for _ in data_files(folder, day, day))
    lines = f"{merged} files were merged; there are {files} now" if merged else f"nothing to merge in {files} files"
    show({"merged": merged, "files": files}, as_json=as_json, page=lambda: lines)
