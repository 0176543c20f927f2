"""`lookalike worker …`: one worker in the foreground."""

import gc
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from workers.cli.output import settings_of
from workers.process.failure_policy import STALL_SECONDS

MetricsPort = Annotated[int | None, typer.Option(help="Serve /health and /metrics on this port; 0: any free.")]
MetricsHost = Annotated[str, typer.Option(help="The address that --metrics-port listens on.")]
Skip = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TOPIC:PARTITION:OFFSET",
        help="Step over this record: it goes to the dead letters as it is, unread; may be repeated.",
    ),
]
ReadyFile = Annotated[
    Path | None, typer.Option(help="Write where /health is to this file once it is at work; for whoever starts it.")
]

app = typer.Typer(help="Run one worker in the foreground.", no_args_is_help=True)


@app.callback()
def workers() -> None:
    """Run one worker in the foreground.

    Example: lookalike worker index --device cuda
    """


@app.command()
def index(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="A model folder, or a Hugging Face id org/name@revision.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, max=1_024, help="Pictures in a call of the encoder.")] = 32,
    in_hand: Annotated[int, typer.Option(min=1, help="Events taken in and not finished, at most.")] = 2_000,
    waiting: Annotated[int, typer.Option(min=1, help="Events that wait to be tried again, at most.")] = 10_000,
    decoders: Annotated[
        int, typer.Option(min=0, max=64, help="Processes that decode pictures; 0: one for each two cores, 2 to 8.")
    ] = 0,
    retry_delays: Annotated[
        str | None, typer.Option(help="Seconds, as 10,60,3600: when an event whose image host is away is tried again.")
    ] = None,
    young_delays: Annotated[
        str | None,
        typer.Option(help="Likewise: when the picture of an event that is not 15 minutes old is looked for again."),
    ] = None,
    letters_in_a_row: Annotated[
        int, typer.Option(min=0, help="Dead letters in a row that end the worker; 0: none do.")
    ] = 100,
    letters_ratio: Annotated[
        float, typer.Option(min=0, max=1, help="Share of dead letters in 400 events that ends the worker; 0: none.")
    ] = 0.5,
    stall_seconds: Annotated[
        float, typer.Option(min=1, help="The longest that work may make no progress while nothing is away.")
    ] = STALL_SECONDS,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    accept_offsets: Annotated[
        bool,
        typer.Option(
            "--accept-offsets",
            help="Begin at the earliest where the group has no valid place any more; once, by hand, and then run "
            "`lookalike audit`: events may have been missed.",
        ),
    ] = False,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="Read the log again from its start, for collections that were dropped or restored; once, by hand, "
            "while no other index worker runs.",
        ),
    ] = False,
    skip: Skip = None,
    grace: Annotated[
        float, typer.Option(min=2.0, help="Seconds from SIGTERM to the end; what is unfinished then is done again.")
    ] = 15.0,
    ready_file: ReadyFile = None,
) -> None:
    """Index listings: read their events, encode their pictures, write their rows.

    Example: lookalike worker index --model ./siglip2-base-patch16-256 --device cuda
    """
    from typing import cast

    # Collecting garbage while a million objects of the libraries are made finds none, and takes an eighth of the time.
    gc.disable()
    from streams.skipped_records import read_skips
    from streams.topics import LISTING_TOPICS
    from workers.indexer.config import Capacity, IndexerOptions
    from workers.indexer.service import run_worker
    from workers.models.encoder import Device
    from workers.models.loading import siglip_class
    from workers.process.failure_policy import FailurePolicy

    siglip_class()
    gc.enable()
    if device not in ("auto", "cpu", "cuda", "mps"):
        raise typer.BadParameter("one of auto, cpu, cuda, mps", param_hint="--device")
    endings = FailurePolicy(
        max_consecutive_dead_letters=letters_in_a_row, max_dead_letter_ratio=letters_ratio, stall_seconds=stall_seconds
    )
    if retry_delays is not None:
        endings = replace(endings, retry_delays=_delays(retry_delays, "--retry-delays"))
    if young_delays is not None:
        endings = replace(endings, young_delays=_delays(young_delays, "--young-delays"))
    settings, capacity = settings_of(context), Capacity(max_in_flight=in_hand, max_delayed=waiting)
    skips = read_skips(skip or (), [settings.named(name) for name in LISTING_TOPICS])
    chosen = IndexerOptions(
        model=model,
        device=cast("Device", device),
        batch_size=batch_size,
        capacity=replace(capacity, decoders=decoders or capacity.decoders),
        failure_policy=endings,
        ready_file=ready_file,
        metrics_port=metrics_port,
        metrics_host=metrics_host,
        accept_offsets=accept_offsets,
        rebuild=rebuild,
        skips=skips,
        grace=grace,
    )
    run_worker(settings, chosen)


@app.command()
def record(
    context: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="End with exit status 0 once all that the log has now is in its files.")
    ] = False,
    batch_records: Annotated[int, typer.Option(min=1, max=1_000_000, help="Records in a batch, at most.")] = 100_000,
    batch_seconds: Annotated[float, typer.Option(min=0.1, max=60, help="Age of a batch, at most.")] = 5.0,
    merge: Annotated[bool, typer.Option("--merge/--no-merge", help="Merge small files each minute.")] = True,
    letters_in_a_row: Annotated[
        int, typer.Option(min=0, help="Dead letters in a row that end the recorder; 0: none do.")
    ] = 100,
    letters_ratio: Annotated[
        float, typer.Option(min=0, max=1, help="Share of dead letters in 400 records that ends it; 0: none does.")
    ] = 0.5,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    accept_offsets: Annotated[
        bool,
        typer.Option(
            "--accept-offsets",
            help="Go on where the files end, or at the earliest that the log has, where the group knows better; once, "
            "by hand: records may have been missed.",
        ),
    ] = False,
    skip: Skip = None,
    grace: Annotated[
        float, typer.Option(min=2.0, help="Seconds from SIGTERM to the end; what is not in a file then is read again.")
    ] = 15.0,
    ready_file: ReadyFile = None,
) -> None:
    """Record interactions: read them from Kafka, write them as Parquet below LOOKALIKE_DATA.

    Example: lookalike worker record --metrics-port 9101
    """
    from streams.skipped_records import read_skips
    from streams.topics import INTERACTIONS
    from workers.process.failure_policy import FailurePolicy
    from workers.recorder.recorder import BatchLimits
    from workers.recorder.service import RecorderOptions, run_recorder

    settings = settings_of(context)
    chosen = RecorderOptions(
        batch_limits=BatchLimits(records=batch_records, seconds=batch_seconds),
        once=once,
        merge=merge,
        failure_policy=FailurePolicy(
            max_consecutive_dead_letters=letters_in_a_row, max_dead_letter_ratio=letters_ratio
        ),
        metrics_port=metrics_port,
        metrics_host=metrics_host,
        accept_offsets=accept_offsets,
        grace=grace,
        ready_file=ready_file,
        skips=read_skips(skip or (), [settings.named(INTERACTIONS)]),
    )
    run_recorder(settings, chosen)


@app.command()
def evaluate(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="One round, then end with exit status 0.")] = False,
    days: Annotated[int, typer.Option(min=1, max=366, help="The newest days that a report is of.")] = 28,
    niche: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="A category that is told by name; may be repeated.")
    ] = None,
    every: Annotated[float, typer.Option(min=1, max=3_600, help="Seconds between two rounds.")] = 15.0,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    grace: Annotated[float, typer.Option(min=2.0, help="Seconds from SIGTERM to the end; nothing can be lost.")] = 15.0,
    ready_file: ReadyFile = None,
) -> None:
    """Evaluate the live model from what is recorded, all the time; close days as evidence, and decide on retraining.

    Reports go to `evaluation-reports`, requests to `retrain-requested`; `lookalike evaluate` and `lookalike triggers`
    show them.

    Example: lookalike worker evaluate --days 28 --niche fashion/vintage --metrics-port 9102
    """
    from workers.evaluation.config import USUAL
    from workers.evaluator.evaluator import ReportScope
    from workers.evaluator.service import EvaluatorOptions, run_evaluator

    scope = ReportScope(days=days, config=replace(USUAL, niches=tuple(niche or ())))
    chosen = EvaluatorOptions(
        scope=scope,
        interval=every,
        once=once,
        metrics_port=metrics_port,
        metrics_host=metrics_host,
        ready_file=ready_file,
        grace=grace,
    )
    run_evaluator(settings_of(context), chosen)


def _delays(text: str, option: str) -> tuple[float, ...]:
    """Seconds, with commas between them; none of them above a day.

    >>> _delays("1,2.5", "--retry-delays")
    (1.0, 2.5)
    """
    try:
        delays = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        delays = (-1.0,)
    if not all(0 <= delay <= 86_400 for delay in delays):
        raise typer.BadParameter("seconds between 0 and 86400, with commas between them", param_hint=option)
    return delays
