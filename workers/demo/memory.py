"""How much memory all processes of the demo take together."""

import os
import threading
from types import TracebackType
from typing import Self

import psutil

from streams.settings import Settings
from workers.local.state import read_state

_EVERY = 0.5  # seconds


class MemoryPeak:
    """Samples the resident memory of this process and of the whole stack, and keeps the highest sum.

    Pages that processes share (torch's libraries) are counted in each: the sum is an upper bound.
    """

    def __init__(self, settings: Settings) -> None:
        self.bytes = 0
        self.by_process: dict[str, int] = {}
        """What each process had at that moment."""
        self._settings = settings
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="demo-memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(_EVERY):
            sample = self._sample()
            if sum(sample.values()) > self.bytes:
                self.bytes, self.by_process = sum(sample.values()), sample

    def _sample(self) -> dict[str, int]:
        state = read_state(self._settings)
        pids = {entry["name"]: entry.get("pid") for entry in state["processes"]}
        pids["supervisor"] = state.get("supervisor", {}).get("pid")
        if pids["supervisor"] == os.getpid():
            del pids["supervisor"]
        sizes = {"demo": psutil.Process().memory_info().rss}
        return sizes | {name: _with_children(pid) for name, pid in pids.items() if pid}


def _with_children(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(_resident(each) for each in family)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has ended in between
        return 0
