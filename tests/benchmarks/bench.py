"""The ground that all measurements stand on: a stack, an image server, catalogues apart from each other."""

import contextlib
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streams.settings import Settings
from streams.topics import create
from workers.local.environment import child_environment
from workers.local.ports import Address, answers, free_port
from workers.local.supervisor import Stack

from . import pictures
from .processes import Running, running

ARRIVAL_SECONDS = 0.030


@dataclass(frozen=True)
class Bench:
    """What a measurement is given."""

    settings: Settings
    folder: Path
    images: str
    """The image server's address, without a slash at its end."""
    quick: bool
    backlog: int
    """Events that a worker is behind, for (f)."""
    started: float = field(default_factory=time.monotonic)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def pick(self, usual: int, quick: int) -> int:
        """How many: `usual`, or `quick` where the run is to be short."""
        return quick if self.quick else usual

    def say(self, line: str) -> None:
        """A line of progress on stderr."""
        sys.stderr.write(f"[{time.monotonic() - self.started:5.0f} s] {line}\n")
        sys.stderr.flush()

    def catalogue(self) -> Settings:
        """Settings with a prefix of their own, the topics created: nothing of an earlier measurement is in it."""
        settings = self.settings.model_copy(update={"prefix": f"b{next(self._numbers)}_"})
        create(settings)
        return settings

    def path(self, name: str) -> Path:
        """A new file's path."""
        return self.folder / f"{next(self._numbers):03}-{name}"

    @contextlib.contextmanager
    def worker(self, settings: Settings, kind: str) -> Iterator[tuple[Running, Path]]:
        """The index worker with a stand-in encoder, its partitions assigned; its report is written at its end."""
        report = self.path("worker.json")
        ready = report.with_suffix(".ready")
        arguments, environment = (kind, str(ready), str(report)), child_environment(settings)
        with running(".index_worker", *arguments, environment=environment, log=report.with_suffix(".log")) as worker:
            worker.wait_until(ready.exists, 60)
            yield worker, report

    def run(self, module: str, *arguments: str, settings: Settings, seconds: float = 300) -> dict[str, Any]:
        """Run a module that ends by itself and writes a report to the path that is its last argument."""
        report = self.path(f"{module.strip('.')}.json")
        environment, log = child_environment(settings), report.with_suffix(".log")
        with running(module, *arguments, str(report), environment=environment, log=log) as process:
            process.wait(seconds)
        return read_report(report)


def read_report(path: Path) -> dict[str, Any]:
    """What a process of the benchmark wrote."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@contextlib.contextmanager
def ground(*, quick: bool, backlog: int) -> Iterator[Bench]:
    """Start all; at the end nothing is left, neither processes nor files."""
    with tempfile.TemporaryDirectory(prefix="lookalike-bench-") as name:
        folder, image_port = Path(name), free_port()
        settings = Settings(
            kafka=f"127.0.0.1:{free_port()}",
            milvus=f"http://127.0.0.1:{free_port()}",
            data=folder / "data",
            image_hosts=(f"127.0.0.1:{image_port}",),
            prefix="",
            kafka_config={},
            model="",
        )
        bench = Bench(settings, folder, f"http://127.0.0.1:{image_port}", quick, backlog)
        count = bench.pick(300, 100)
        mean = pictures.make(folder / "pictures", count)
        bench.say(f"{count} pictures of {pictures.SIDE}×{pictures.SIDE}, {mean // 1_000} kB each on average")
        arguments = (str(folder / "pictures"), str(image_port), str(ARRIVAL_SECONDS))
        with (
            Stack(settings, workers=0),
            running(
                ".image_server", *arguments, environment=child_environment(settings), log=folder / "images.log"
            ) as server,
        ):
            server.wait_until(lambda: answers(Address("127.0.0.1", image_port, "")) is not None, 20)
            bench.say("Kafka, Milvus Lite and the image server are up")
            yield bench
