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
        sizes = {entry["name"]: _with_children(entry["pid"]) for entry in state["processes"] if entry.get("pid")}
        supervisor = state.get("supervisor", {}).get("pid")
        if supervisor and supervisor != os.getpid():
            sizes["supervisor"] = _alone(supervisor)  # its children are those above
        return sizes | {"demo": _alone(os.getpid())}


def _with_children(pid: int) -> int:
    try:
        children = [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(map(_alone, [pid, *children]))


def _alone(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:  # it has ended in between
        return 0
