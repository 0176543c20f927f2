"""A process watched from outside: memory, computing time, threads and open files, as the system counts them."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Sample:
    """A process and its children at one moment; `cpu` is in seconds since their start, `rss` in bytes."""

    at: float
    rss: int
    cpu: float
    threads: int
    files: int


def sample(pid: int) -> Sample:
    """How a process stands now, with those that it started."""
    rss, cpu, threads, files = 0, 0.0, 0, 0
    main = psutil.Process(pid)
    for process in [main, *main.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a child that ended between two looks
            times = process.cpu_times()
            rss += process.memory_info().rss
            cpu += times.user + times.system
            threads += process.num_threads()
            files += process.num_fds()
    return Sample(time.monotonic(), rss, cpu, threads, files)


@dataclass
class Watch:
    """The samples of a block."""

    samples: list[Sample] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """By how many megabytes the memory grew at most, above what it was at first."""
        return (max(each.rss for each in self.samples) - self.samples[0].rss) / MEGABYTE

    @property
    def busy(self) -> float:
        """The share of a core that was used."""
        first, last = self.samples[0], self.samples[-1]
        return (last.cpu - first.cpu) / max(last.at - first.at, 0.1)


@contextlib.contextmanager
def watched(pid: int, *, every: float = 0.5) -> Iterator[Watch]:
    """Look at a process every so many seconds for the time of the block, and at both of its ends."""
    watch, over = Watch([sample(pid)]), threading.Event()

    def look() -> None:
        while not over.wait(every):
            with contextlib.suppress(psutil.NoSuchProcess):  # whether it lives is for the test to say
                watch.samples.append(sample(pid))

    thread = threading.Thread(target=look, name="watch")
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
        with contextlib.suppress(psutil.NoSuchProcess):
            watch.samples.append(sample(pid))
