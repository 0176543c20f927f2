"""Availability: which services are unavailable, with one entry for each service and waiting thread."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Absence:
    """A service that is unavailable, and since when."""

    service: str
    """milvus, kafka, takedowns, or group (the lease has expired: membership in the group is not proven)."""
    since: float
    """`time.monotonic()`."""
    why: str = ""
    """Its last error."""


class Availability:
    """Thread-safe. A thread that gets an answer removes its own entry only, never that of another thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, int], Absence] = {}
        self.recovered_at = float("-inf")
        """When the last entry was removed: before that, no event could be finished."""

    def away(self, service: str, why: str = "", *, since: float | None = None) -> None:
        """This thread waits for `service`. A repeated call changes the reason only."""
        key = (service, threading.get_ident())
        with self._lock:
            before = self._entries.get(key)
            began = before.since if before else self._clock() if since is None else since
            self._entries[key] = Absence(service, began, why)

    def back(self, service: str) -> None:
        """This thread no longer waits for `service`."""
        with self._lock:
            if self._entries.pop((service, threading.get_ident()), None) is not None and not self._entries:
                self.recovered_at = self._clock()

    def absences(self) -> tuple[Absence, ...]:
        """One entry for each unavailable service, the longest outage first."""
        with self._lock:
            entries = sorted(self._entries.values(), key=lambda each: each.since)
        longest: dict[str, Absence] = {}
        for each in entries:
            longest.setdefault(each.service, each)
        return tuple(longest.values())
