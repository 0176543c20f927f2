"""Options that several processes share. As in all options classes, a field with `typer.Option` is a command's option.

`workers.cli.options` makes the command line of these classes: name, limits and help are declared here, once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer


@dataclass(frozen=True)
class MetricsOptions:
    """Where /health and /metrics are served."""

    port: Annotated[
        int | None, typer.Option("--metrics-port", help="Serve /health and /metrics on this port; 0: any free port.")
    ] = None
    host: Annotated[str, typer.Option("--metrics-host", help="The address that --metrics-port listens on.")] = (
        "127.0.0.1"
    )


@dataclass(frozen=True)
class ProcessOptions:
    """How a process reports its start, and how long its end may take."""

    grace: Annotated[
        float,
        typer.Option(
            min=2, help="Seconds from SIGTERM to the end of the process; what is unfinished then is done again."
        ),
    ] = 15.0
    ready_file: Annotated[
        Path | None,
        typer.Option(help="Write the address of /health to this file once the process is ready; for its supervisor."),
    ] = None
