"""`lookalike demo`: the whole tour on real pictures, with a gallery at its end."""

import logging
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.logging_setup import set_up_log
from workers.cli.output import JsonOption, Page, fields, say, settings_of, show


class _Interruption:
    """Ctrl-C, a closed terminal or SIGTERM: the first one ends the tour, later ones don't disturb the stopping."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self, number: int, _frame: Any) -> None:
        if self.number is None:
            self.number = number
            say("\nstopping: the worker first, then Milvus Lite and Kafka …")
            raise KeyboardInterrupt


def demo(
    context: typer.Context,
    images: Annotated[
        Path | None, typer.Option(help="A folder of your own pictures, in place of the bundled ones.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running, and print what to try next.")] = False,
    gallery: Annotated[Path | None, typer.Option(help="Write the gallery to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Take a tour: pictures in as Kafka events, similar listings out of Milvus, and a gallery of what came out.

    It runs a local stack of its own, in the folder `demo` of LOOKALIKE_DATA, and touches nothing else. About a minute.

    Example: lookalike demo --images ~/Pictures --keep
    """
    from workers.demo.console import Console
    from workers.demo.run import run
    from workers.demo.sandbox import ways_on

    settings = settings_of(context)
    set_up_log(settings.log, logging.WARNING)  # the headlines tell what happens
    interruption = _Interruption()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interruption)
    try:
        done = run(settings, images, gallery, Console(), keep=keep)
    except (Exception, KeyboardInterrupt):  # a library that was interrupted may have raised an error of its own
        if interruption.number is None:
            raise
        raise typer.Exit(128 + interruption.number) from None
    ways = ways_on(done.settings, done.listing_id, done.picture, done.text) if keep else []

    def page() -> Page:
        how = ["Everything still runs. Go on with:", "\n".join(f"  {way}" for way in ways)] if keep else []
        return ["", fields(done.summary.page_rows()), *how]

    show(done.summary.document() | {"commands": ways}, as_json=as_json, page=page)
    for check in done.summary.wrong:
        say(f"not as it must be: {check.claim}: {check.found}, must be {check.expected}")
    if done.summary.wrong:
        raise typer.Exit(1)
