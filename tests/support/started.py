"""The program in processes of their own that begin with its imports done: forked from one server that did them once.

Importing what an index worker needs takes five seconds of a processor, and a run of all tests starts a hundred of them.
Arguments, environment, files, signals and exit status are each process's own. That the program begins as its users
begin it is shown by tests/local, tests/demo and tests/faults, which start it so.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path

_IMPORTED = (
    "pytest",  # the main module of who asks, which multiprocessing imports in each child
    "workers.cli.program",
    "workers.cli.explain",
    "workers.operations.explain",
    "workers.milvus.counts",
    "workers.indexer.service",
    "transformers.models.siglip.modeling_siglip",
    "fastapi",
    "uvicorn",
)
"""What no thread is begun by: polars is left out, as it is not safe to fork."""


class Started:
    """One process of the program; it does what a `subprocess.Popen` does under the same names."""

    def __init__(
        self, *arguments: str, environment: Mapping[str, str], out: Path, errors: Path, given: Path | None = None
    ) -> None:
        """Start it; `out` and `errors` may be one file, `given` is its stdin."""
        files = (str(given or os.devnull), str(out), str(errors))
        self._process = _server().Process(
            target=_program, args=(arguments, dict(environment), files), name="lookalike", daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit status, or the number of the signal that ended it, negative; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self._process.exitcode

    def wait(self, seconds: float) -> int:
        """Wait for its end; raises subprocess.TimeoutExpired where that takes longer."""
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("lookalike", seconds)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_IMPORTED))  # heeded before the server's start alone
    return context


def _program(arguments: tuple[str, ...], environment: Mapping[str, str], files: tuple[str, str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(files):
        how = os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY
        opened = os.open(path, how)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - to the end of the process
    sys.argv = ["lookalike", *arguments]
    from workers.cli import main

    main()
