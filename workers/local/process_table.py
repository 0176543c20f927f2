"""Every process of the local stack, declared: what it runs, and how it shows that it is ready."""

import json
from pathlib import Path

from streams.settings import Settings
from workers.local import kafka, milvus
from workers.local.supervised_process import Process, python


def processes(settings: Settings, workers: int) -> list[list[Process]]:
    """Every process of the stack, by stages: a stage starts when the one before it is running."""
    return [
        [kafka.process(settings), milvus.process(settings)],
        [*(_worker(settings, "index", number) for number in range(1, workers + 1)), *_watchers(settings, workers)],
    ]


def _watchers(settings: Settings, workers: int) -> list[Process]:
    """The recorder and the evaluator, beside whatever workers there are; servers alone are servers alone."""
    return [_worker(settings, kind, 1) for kind in ("record", "evaluate")] if workers else []


def serving(settings: Settings, port: int) -> Process:
    """`lookalike serve` on a port of this machine alone."""
    file = ready_file(settings, "serve")
    return Process(
        name="serve",
        command=python("workers.cli", "serve", "--port", str(port), "--ready-file", str(file)),
        prepare=lambda: _forget(file),
        ready=file.exists,
        grace=20.0,
        health=lambda: _health(file),
    )


def ready_file(settings: Settings, name: str) -> Path:
    """What a process of ours writes once it is ready, with the address of its health in it."""
    return settings.data / "run" / f"{name}.ready"


def _worker(settings: Settings, kind: str, number: int) -> Process:
    """One of our own workers; once its partitions are assigned it writes to the ready file where its health is told."""
    name = f"{kind}-{number}"
    file = ready_file(settings, name)
    return Process(
        name=name,
        command=python("workers.cli", "worker", kind, "--metrics-port", "0", "--ready-file", str(file)),
        prepare=lambda: _forget(file),
        ready=file.exists,
        grace=20.0,
        health=lambda: _health(file),
    )


def _health(ready_file: Path) -> str | None:
    address = json.loads(ready_file.read_text())["health"]
    return str(address) if address else None


def _forget(ready_file: Path) -> None:
    ready_file.parent.mkdir(parents=True, exist_ok=True)
    ready_file.unlink(missing_ok=True)
