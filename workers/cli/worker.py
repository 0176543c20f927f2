"""`lookalike worker …`: one worker in the foreground."""

import gc
from dataclasses import replace
from typing import Annotated

import typer

from workers.cli.options import command_options
from workers.cli.output import settings_of
from workers.evaluator.options import EvaluatorOptions
from workers.indexer.config import IndexerOptions
from workers.recorder.options import RecorderOptions

Skip = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TOPIC:PARTITION:OFFSET",
        help="Step over this record: it becomes a dead letter as it is, unread; may be repeated.",
    ),
]

app = typer.Typer(
    help="Run one worker in the foreground.",
    epilog="Example: lookalike worker index --device cuda",
    no_args_is_help=True,
)


@app.command()
@command_options
def index(context: typer.Context, options: IndexerOptions, skip: Skip = None) -> None:
    """Index listings: read their events, encode their pictures, write their rows.

    Example: lookalike worker index --model ./siglip2-base-patch16-256 --device cuda
    """
    # Collecting garbage while a million objects of the libraries are made finds none, and takes an eighth of the time.
    gc.disable()
    from streams.skipped_records import read_skips
    from streams.topics import LISTING_TOPICS
    from workers.indexer.service import run_worker
    from workers.models.loading import siglip_class

    siglip_class()
    gc.enable()
    settings = settings_of(context)
    skips = read_skips(skip or (), [settings.named(name) for name in LISTING_TOPICS])
    run_worker(settings, replace(options, skips=skips))


@app.command()
@command_options
def record(context: typer.Context, options: RecorderOptions, skip: Skip = None) -> None:
    """Record interactions: read them from Kafka, write them as Parquet below LOOKALIKE_DATA.

    Example: lookalike worker record --metrics-port 9101
    """
    from streams.skipped_records import read_skips
    from streams.topics import INTERACTIONS
    from workers.recorder.service import run_recorder

    settings = settings_of(context)
    skips = read_skips(skip or (), [settings.named(INTERACTIONS)])
    run_recorder(settings, replace(options, skips=skips))


@app.command()
@command_options
def evaluate(context: typer.Context, options: EvaluatorOptions) -> None:
    """Evaluate the live model continuously from what is recorded; close days as evidence, and decide on retraining.

    Reports go to `evaluation-reports`, requests to `retrain-requested`; `lookalike evaluate` and `lookalike triggers`
    show them.

    Example: lookalike worker evaluate --days 28 --niche fashion/vintage --metrics-port 9102
    """
    from workers.evaluator.service import run_evaluator

    run_evaluator(settings_of(context), options)
