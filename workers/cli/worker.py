"""`lookalike worker …`: one worker in the foreground."""

import gc
from pathlib import Path
from typing import Annotated

import typer

from workers.cli.output import settings_of

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
    metrics_port: Annotated[int | None, typer.Option(help="Serve Prometheus metrics on this port.")] = None,
    metrics_host: Annotated[str, typer.Option(help="The address that --metrics-port listens on.")] = "127.0.0.1",
    ready_file: Annotated[Path | None, typer.Option(help="Touch this file once partitions are assigned.")] = None,
) -> None:
    """Index listings: read their events, encode their pictures, write their rows.

    Example: lookalike worker index --model ./siglip2-base-patch16-256 --device cuda
    """
    from typing import cast

    # Collecting garbage while a million objects of the libraries are made finds none, and takes an eighth of the time.
    gc.disable()
    from workers.index.limits import Capacity
    from workers.index.worker import Chosen, run_worker
    from workers.models.encoder import Device, siglip_class

    siglip_class()
    gc.enable()
    if device not in ("auto", "cpu", "cuda", "mps"):
        raise typer.BadParameter("one of auto, cpu, cuda, mps", param_hint="--device")
    chosen = Chosen(
        model=model, device=cast("Device", device), batch_size=batch_size, capacity=Capacity(in_hand=in_hand),
        ready_file=ready_file, metrics_port=metrics_port, metrics_host=metrics_host,
    )  # fmt: skip
    run_worker(settings_of(context), chosen)
