"""One supervised process: started, watched until it is ready, restarted with back-off, stopped in time."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from streams.errors import LookalikeError
from workers.local.health_probe import Pulse
from workers.local.logs import last_line, open_log, rotate

State = Literal["starting", "running", "backing-off", "stopped"]

_FIRST_DELAY = 0.5  # seconds before the first restart; doubled for each further failure in a row
_LONGEST_DELAY = 30.0
_ENDS_KEPT = 100
_GOOD_RUN = 60.0  # seconds of running after which earlier failures are forgotten

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Failure:
    """How a process failed: its exit status (None: it could not even be started) and its last words."""

    exit_status: int | None
    words: str


@dataclass(frozen=True)
class Process:
    """What to run and how to know that it is ready; declared once, never changed."""

    name: str
    command: tuple[str, ...]
    prepare: Callable[[], None]
    """Called before each start: folders, settings files, removal of an old ready file."""
    ready: Callable[[], bool]
    """Asked about ten times a second while starting; may block for some seconds."""
    grace: float
    """Seconds between SIGTERM and SIGKILL."""
    folder: Path | None = None
    """Working folder; None: the supervisor's own."""
    health: Callable[[], str | None] = lambda: None
    """Asked once it is ready: the address that says how it fares, where it has one."""


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line that runs a module of ours in this Python.

    -P: a folder called `workers` where the operator happens to stand must not be taken for ours.
    """
    return (sys.executable, "-P", "-m", module, *arguments)


def failures_after(failures: int, ran_for: float) -> int:
    """Failures in a row, after one more that came `ran_for` seconds after the process was ready."""
    return 1 if ran_for >= _GOOD_RUN else failures + 1


def next_delay(failures: int) -> float:
    """Seconds to wait before the next start, after `failures` in a row: 0.5, 1, 2, … 30."""
    return float(min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(failures - 1, 16)))


class Child:
    """A process and how it fares. Not thread-safe: one loop calls its methods, others may read its fields."""

    def __init__(self, process: Process, environment: Mapping[str, str], log_path: Path) -> None:
        self.process = process
        self.log_path = log_path
        self.state: State = "stopped"
        self.failures = 0
        self.problem: Failure | None = None
        """Why it ended last, or could not be started."""
        self.ended_at: deque[float] = deque(maxlen=_ENDS_KEPT)
        """When it did, by the clock of the day (`time.time()`), the last ones."""
        self.ends = 0
        """How often it ended by itself, or could not be started."""
        self._environment = environment
        self._child: subprocess.Popen[bytes] | None = None
        self._ready_at: float | None = None
        self._pulse: Pulse | None = None
        self._killed_for = ""
        self._due = 0.0

    @property
    def pid(self) -> int | None:
        """The process id while it lives."""
        return self._child.pid if self._child else None

    def step(self, now: float) -> bool:
        """Start it when that is due, notice that it ended or became ready. True when its state has changed.

        A failure to start counts like an early end: it is kept in `problem` and tried again.
        """
        if self._child is None:
            return now >= self._due and self._start(now)
        status = self._child.poll()
        if status is not None:
            return self._failed(Failure(status, self._killed_for or last_line(self.log_path)), now)
        with contextlib.suppress(OSError):  # a full disk: what runs goes on
            rotate(self.log_path)
        if self.state == "starting" and self.process.ready():
            self._ready_at = now
            address = self.process.health()
            self._pulse = Pulse(address, now) if address else None
            return self._enter("running")
        if self._pulse and not self._killed_for and (why := self._pulse.given_up(now)):
            self._killed_for = why
            self.kill()  # its end is noticed at one of the next steps
        return False

    def terminate(self) -> None:
        """Ask it to end and never start it again. Does not wait."""
        self._due = float("inf")
        if self._child and self._child.poll() is None:
            self._child.terminate()
        elif self._child is None and self.state != "stopped":
            self._enter("stopped")

    def kill(self) -> None:
        """End it, and whatever it started, at once."""
        if self._child and self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def gone(self) -> bool:
        """Whether it has ended after `terminate` or `kill`; reaps it."""
        if self._child is None:
            return True
        if self._child.poll() is None:
            return False
        self._child = None
        self._enter("stopped")
        return True

    def _start(self, now: float) -> bool:
        self._ready_at = self._pulse = None
        self._killed_for = ""
        try:
            self.process.prepare()
            with open_log(self.log_path) as log:
                # A session of its own: Ctrl-C at the terminal reaches the supervisor alone, which stops all in order.
                self._child = subprocess.Popen(
                    self.process.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(self._environment),
                    cwd=self.process.folder,
                    start_new_session=True,
                )
        except (OSError, LookalikeError) as error:
            return self._failed(Failure(None, str(error)), now)
        return self._enter("starting")

    def _failed(self, problem: Failure, now: float) -> bool:
        self._child = None
        self.problem = problem
        self.ended_at.append(round(time.time(), 1))
        self.ends += 1
        self.failures = failures_after(self.failures, now - self._ready_at if self._ready_at is not None else 0.0)
        delay = next_delay(self.failures)
        self._due = now + delay
        _log.warning(
            "process-ended",
            process=self.process.name,
            exit_status=problem.exit_status,
            last_words=problem.words,
            restart_in_seconds=delay,
            log=str(self.log_path),
        )
        return self._enter("backing-off")

    def _enter(self, state: State) -> bool:
        self.state = state
        if state != "backing-off":  # told in more words where it happens
            _log.info("process-state", process=self.process.name, state=state, pid=self.pid)
        return True
