"""The local stack: Kafka and Milvus Lite, the topics, then the workers; kept running, stopped in the reverse order."""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TextIO

import structlog

from streams.errors import LookalikeError, UsageError
from streams.redaction import shown_address
from streams.settings import Settings
from streams.topics import create as create_topics
from workers.local.environment import child_environment
from workers.local.ports import kafka_address, milvus_address, require_free
from workers.local.process_table import processes
from workers.local.state import log_file, stop_leftovers, take_lock, write_state
from workers.local.supervised_process import Child, Process
from workers.process.exit_status import USAGE

_TICK = 0.1  # seconds between two looks at the processes
_START_WITHIN = 120.0  # seconds; a cold start takes ten, a first load of a model from a slow disk a minute
_TRIES = 3  # starts of a process that has never been ready, before the whole start is given up
_WRONG_USAGE = 2  # exit status of a command that was given something it can't use: trying again would not help
_LEAST_FREE = 256 * 1024 * 1024  # bytes; Kafka ends itself, and may need repair, when its disk is full

_log = structlog.get_logger(__name__)


class Stack:
    """A running local stack; one per data folder.

    `with Stack(settings, workers=0) as stack:` returns when all of it is running and stops it at the end.
    Raises LookalikeError when it can't be started: by then nothing is left running.
    """

    def __init__(self, settings: Settings, *, workers: int = 1, more: Sequence[Process] = ()) -> None:
        self.settings = settings
        self.failure: Exception | None = None
        """What ended the supervision, if anything did; read it after `ended` is set."""
        self.ended = threading.Event()
        """Set by `interrupt`, or when the supervision has failed."""
        self._workers = workers
        self._more = list(more)
        self._hurry = threading.Event()
        self._complete = False
        self._stages: list[list[Child]] = []
        self._lock: TextIO | None = None
        self._thread = threading.Thread(target=self._supervise, name="local-stack", daemon=True)

    def __enter__(self) -> Self:
        try:
            with _writing_to(self.settings):
                self._start()
        except BaseException:  # Ctrl-C too: what was started must not be left behind
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def children(self) -> list[Child]:
        """Every process, in starting order. To be looked at, not touched."""
        return [child for stage in self._stages for child in stage]

    def document(self) -> dict[str, Any]:
        """What `up --json` prints: kafka, milvus, processes with name, pid, state, and why it ended last, if it did."""
        return {
            "kafka": shown_address(self.settings.kafka),
            "milvus": shown_address(self.settings.milvus),
            "processes": [
                {
                    "name": child.process.name,
                    "pid": child.pid,
                    "state": child.state,
                    "problem": child.problem.words if child.problem else None,
                }
                for child in self.children
            ],
        }

    def interrupt(self) -> None:
        """Ask for the end, from a signal handler or any thread; asked again, what still runs is killed at once."""
        if self.ended.is_set():
            self._hurry.set()
        self.ended.set()

    def stop(self) -> None:
        """Stop workers first, so that they finish what is in hand, then the servers. Safe to repeat."""
        self.ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._complete = False
        for stage in reversed(self._stages):
            self._stop_stage(stage)
        if self._lock:
            self._write()
            self._lock.close()
            self._lock = None

    def _start(self) -> None:
        addresses = (kafka_address(self.settings), milvus_address(self.settings))
        self.settings.data.mkdir(parents=True, exist_ok=True)
        self._lock = take_lock(self.settings)
        stop_leftovers(self.settings)
        if shutil.disk_usage(self.settings.data).free < _LEAST_FREE:
            raise LookalikeError(
                f"less than 256 MB are free on the disk of {self.settings.data}; "
                "free some, or choose another folder with LOOKALIKE_DATA"
            )
        for address in addresses:
            require_free(address)
        environment = child_environment(self.settings)
        self._stages = [
            [Child(process, environment, log_file(self.settings, process.name)) for process in stage]
            for stage in [*processes(self.settings, self._workers), self._more]
        ]
        self._write()
        servers, *others = self._stages
        self._until_running(servers)
        create_topics(self.settings)
        for stage in others:
            self._until_running(stage)
        self._complete = True
        self._write()
        self._thread.start()

    def _until_running(self, stage: list[Child]) -> None:
        """Wait until a stage is running, all stages being looked after; LookalikeError when it does not become so."""
        deadline = time.monotonic() + _START_WITHIN
        while any(child.state != "running" for child in stage):
            # All at once: a worker spends its first seconds on imports, and waits for Kafka and the topics after that.
            self._step(self.children)
            for child in stage:
                _give_up_on(child, late=time.monotonic() > deadline)
            if self.ended.wait(_TICK):
                raise KeyboardInterrupt

    def _supervise(self) -> None:
        """The supervising loop, in a thread of its own once the start is done."""
        try:
            while not self.ended.wait(_TICK):
                self._step(self.children)
        except Exception as error:  # noqa: BLE001 - raised by the command, which waits for `ended`
            self.failure = error
        finally:
            self.ended.set()

    def _step(self, children: list[Child]) -> None:
        now = time.monotonic()
        changed = [child.step(now) for child in children]
        if any(changed):
            self._write()

    def _stop_stage(self, stage: list[Child]) -> None:
        for child in stage:
            child.terminate()
        asked = time.monotonic()
        while alive := [child for child in stage if not child.gone()]:
            for child in alive:
                if self._hurry.is_set() or time.monotonic() - asked > child.process.grace:
                    child.kill()
            time.sleep(0.02)

    def _write(self) -> None:
        """Write the state file; a full disk must not end the supervision, so it is said and gone past."""
        state = self.document() | {"supervisor": {"pid": os.getpid()}, "complete": self._complete}
        for entry, child in zip(state["processes"], self.children, strict=True):
            entry["command"] = list(child.process.command)
            entry["ended_at"] = list(child.ended_at)
            entry["ends"] = child.ends
        try:
            write_state(self.settings, state)
        except OSError as error:
            _log.error("state-not-written", error=str(error))


def _give_up_on(child: Child, *, late: bool) -> None:
    """LookalikeError when a process that has not been ready yet won't be, with its own reason."""
    problem = child.problem
    see = f"see {child.log_path}"
    if problem and (child.failures >= _TRIES or problem.exit_status == USAGE):
        status = "could not be started" if problem.exit_status is None else f"ended with status {problem.exit_status}"
        kind = UsageError if problem.exit_status == USAGE else LookalikeError
        raise kind(f"{child.process.name} {status}: {problem.words or 'no reason given'}; {see}")
    if late:
        raise LookalikeError(f"{child.process.name} was not ready after {_START_WITHIN:.0f} seconds; {see}")


@contextlib.contextmanager
def _writing_to(settings: Settings) -> Iterator[None]:
    """One clear line for a data folder that can't be written: no right, no space, a file in the way."""
    try:
        yield
    except OSError as error:
        raise LookalikeError(
            f"{error.filename or settings.data} can't be written: {error.strerror or error}; "
            "put that right, or choose another folder with LOOKALIKE_DATA"
        ) from None
