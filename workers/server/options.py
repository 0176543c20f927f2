"""The options of a server."""

from dataclasses import dataclass
from typing import Annotated

import typer

from streams.errors import UsageError
from workers.models.device import Device
from workers.process.options import ProcessOptions
from workers.server.limits import Limits
from workers.server.randomisation import Shares


@dataclass(frozen=True)
class ShelfOptions:
    """What a shelf shows; a request may ask for less of it, never for more."""

    k: Annotated[
        int, typer.Option("-k", min=1, max=200, help="Items on a shelf, if the request does not say how many.")
    ] = 10
    per_seller: Annotated[int, typer.Option(min=0, help="Items of one seller on a shelf, at most; 0: no limit.")] = 0
    other_sellers: Annotated[
        bool, typer.Option("--other-sellers", help="Leave out listings of the query's own seller.")
    ] = False
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Show listings with the very same picture beside each other.")
    ] = False
    include_sold: Annotated[
        bool, typer.Option("--include-sold", help="Show sold and reserved listings too, not only what is on sale.")
    ] = False
    min_score: Annotated[
        float | None,
        typer.Option(min=-1, max=1, help="The least similarity (cosine) of an item; 1: the same. Without it: any."),
    ] = None
    diversity: Annotated[
        float,
        typer.Option(min=0, max=1, help="Weight of dissimilarity between the items of a shelf; 0: similarity alone."),
    ] = 0.0


@dataclass(frozen=True)
class ServerOptions:
    """The options of a server from the command line, beyond the settings.

    Raises UsageError for an interleaved share without an anchor, and for shares that are more than all shelves.
    """

    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond loopback LOOKALIKE_SERVE_TOKEN must be set.")
    ] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0: any free port.")] = 29_580
    shelf: ShelfOptions = ShelfOptions()
    limits: Limits = Limits()  # noqa: RUF009 - a frozen value
    shares: Shares = Shares()  # noqa: RUF009 - a frozen value
    anchor: Annotated[
        str,
        typer.Option(help="A collection, or a model id, that --interleave compares the live model with."),
    ] = ""
    models: Annotated[
        tuple[str, ...],
        typer.Option(
            "--model", help="A further model for pictures and texts, besides LOOKALIKE_MODEL; may be repeated."
        ),
    ] = ()
    device: Annotated[Device, typer.Option(help="Where the encoder runs; auto: the fastest there is.")] = "auto"
    stale_seconds: Annotated[
        float,
        typer.Option(
            "--stale-takedowns",
            min=30,
            help="Seconds without news of takedowns from Kafka after which every query is refused.",
        ),
    ] = 3_600.0
    record_within: Annotated[
        float,
        typer.Option(min=1, help="Seconds that a shelf waits for Kafka before it is counted as unrecorded."),
    ] = 300.0
    process: ProcessOptions = ProcessOptions()  # noqa: RUF009 - a frozen value

    def __post_init__(self) -> None:
        if self.shares.interleave and not self.anchor:
            raise UsageError("--interleave needs --anchor: the collection or model to interleave with")
        if self.shares.explore + self.shares.interleave > 1:
            raise UsageError("--explore and --interleave together are at most 1: they are shares of all shelves")
