"""Every process of the local stack, declared: what it runs, and how it shows that it is ready."""

from pathlib import Path

from streams.settings import Settings
from workers.local import kafka, milvus
from workers.local.process import Process, python


def processes(settings: Settings, workers: int) -> list[list[Process]]:
    """Every process of the stack, by stages: a stage starts when the one before it is running."""
    return [
        [kafka.process(settings), milvus.process(settings)],
        [_worker(settings, "index", number) for number in range(1, workers + 1)],
    ]


def _worker(settings: Settings, kind: str, number: int) -> Process:
    """One of our own workers; it touches the ready file once its partitions are assigned and its model is loaded."""
    name = f"{kind}-{number}"
    ready_file = settings.data / "run" / f"{name}.ready"
    return Process(
        name=name,
        command=python("workers.cli", "worker", kind, "--ready-file", str(ready_file)),
        prepare=lambda: _forget(ready_file),
        ready=ready_file.exists,
        grace=20.0,
    )


def _forget(ready_file: Path) -> None:
    ready_file.parent.mkdir(parents=True, exist_ok=True)
    ready_file.unlink(missing_ok=True)
