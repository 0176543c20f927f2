"""`lookalike serve`: shelves of similar items over HTTP, each recorded."""

import gc
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.errors import UsageError
from workers.cli.output import settings_of


def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond loopback LOOKALIKE_SERVE_TOKEN must be set.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any free one.")] = 29_580,
    k: Annotated[int, typer.Option("-k", min=1, max=200, help="Items on a shelf, unless asked for others.")] = 10,
    most: Annotated[int, typer.Option(min=1, max=200, help="Items that may be asked for.")] = 100,
    per_seller: Annotated[int, typer.Option(min=0, help="Items of one seller, at most; 0: no cap.")] = 0,
    other_sellers: Annotated[bool, typer.Option("--other-sellers", help="Leave out the query's own seller.")] = False,
    keep_duplicates: Annotated[bool, typer.Option("--keep-duplicates", help="The very same picture too.")] = False,
    include_sold: Annotated[bool, typer.Option("--include-sold", help="Not only what is on sale.")] = False,
    min_score: Annotated[float | None, typer.Option(min=-1, max=1, help="Leave out what is less alike.")] = None,
    diversity: Annotated[float, typer.Option(min=0, max=1, help="Weight of unlikeness within a shelf.")] = 0.0,
    explore: Annotated[float, typer.Option(min=0, max=1, help="Share of shelves whose order is drawn.")] = 0.0,
    explore_by: Annotated[Any, typer.Option(help="swap: adjacent places; shuffle: all of the top.")] = "swap",
    explore_top: Annotated[int, typer.Option(min=2, max=200, help="Places that are drawn, from the first on.")] = 10,
    anchor: Annotated[str, typer.Option(help="Interleave with this collection, or model id.")] = "",
    interleave: Annotated[float, typer.Option(min=0, max=1, help="Share of shelves that are interleaved.")] = 0.0,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A further model for pictures and texts, besides LOOKALIKE_MODEL; may be given often."),
    ] = None,
    device: Annotated[Any, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    picture_bytes: Annotated[int, typer.Option(min=1_000, help="Of a picture that is asked by, at most.")] = 10_000_000,
    picture_pixels: Annotated[int, typer.Option(min=1_000, help="Of the same.")] = 50_000_000,
    interactions_rate: Annotated[float, typer.Option(min=1, help="Interactions a second that are taken in.")] = 1_000.0,
    interactions_most: Annotated[int, typer.Option(min=1, max=5_000, help="In one request.")] = 500,
    at_once: Annotated[int, typer.Option(min=1, help="Requests in work; further ones get 503.")] = 64,
    connections: Annotated[int, typer.Option(min=1, help="Connections at once; see docs/serving.md.")] = 1_000,
    stale_takedowns: Annotated[
        float, typer.Option(min=30, help="Seconds without Kafka after which nothing is answered any more.")
    ] = 3_600.0,
    record_within: Annotated[
        float, typer.Option(min=1, help="Seconds that a shelf waits for Kafka before it is given up and counted.")
    ] = 300.0,
    grace: Annotated[float, typer.Option(min=2, help="Seconds from SIGTERM to the end.")] = 15.0,
    ready_file: Annotated[Path | None, typer.Option(help="Write where /health is to this file, once up.")] = None,
) -> None:
    """Answer shelves of similar items over HTTP, and record each as it was shown; /docs shows the API.

    Example: lookalike serve --port 29580 --per-seller 2 --min-score 0.3 --explore 0.02
    """
    if interleave and not anchor:
        raise UsageError("--interleave needs --anchor: the collection or model to interleave with")
    if explore + interleave > 1:
        raise UsageError("--explore and --interleave together are at most 1: they are shares of all shelves")
    device = _one_of(device, "--device", "auto", "cpu", "cuda", "mps")
    explore_by = _one_of(explore_by, "--explore-by", "swap", "shuffle")
    settings = settings_of(context)
    from workers.server.sockets import bound, require_token

    require_token(settings, host)
    listening = bound(host, port)
    # Collecting garbage while a million objects of the libraries are made finds none, and takes an eighth of the time.
    gc.disable()
    from workers.server.exploration import Exploration
    from workers.server.limits import Limits
    from workers.server.policy import Policy
    from workers.server.randomisation import Shares
    from workers.server.service import ServerOptions, run_server

    gc.enable()
    chosen = ServerOptions(
        host=host,
        models=tuple(model or ()),
        device=device,
        defaults=Policy(
            k=min(k, most),
            per_seller=per_seller,
            other_sellers=other_sellers,
            one_picture=not keep_duplicates,
            include_sold=include_sold,
            min_score=min_score,
            diversity=diversity,
        ),
        limits=Limits(
            most=most,
            picture_bytes=picture_bytes,
            picture_pixels=picture_pixels,
            interactions_rate=interactions_rate,
            interactions=interactions_most,
            at_once=at_once,
            connections=connections,
        ),
        shares=Shares(interleave, explore, Exploration(explore_by, explore_top)),
        anchor=anchor,
        stale_seconds=stale_takedowns,
        record_within=record_within,
        ready_file=ready_file,
        grace=grace,
    )
    run_server(settings, chosen, listening)


def _one_of(given: str, option: str, *words: str) -> Any:
    if given not in words:
        raise typer.BadParameter(f"one of {', '.join(words)}", param_hint=option)
    return given
