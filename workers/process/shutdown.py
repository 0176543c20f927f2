"""Shutdown: signal handling, and an exit within the grace time even if something hangs."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable

import structlog

_STOPS = (signal.SIGINT, signal.SIGTERM)

_log = structlog.get_logger(__name__)


def stop_on_signals() -> asyncio.Event:
    """The event that SIGTERM or Ctrl-C sets; for the running loop, from the main thread."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def asked(*_: object) -> None:
        # A second signal must not interrupt the shutdown. A handler would be gone while the interpreter exits, which
        # takes a second; an ignored signal stays ignored.
        for number in _STOPS:
            signal.signal(number, signal.SIG_IGN)
        with contextlib.suppress(RuntimeError):  # the loop is closed: it is ending already
            loop.call_soon_threadsafe(stop.set)

    for number in _STOPS:
        signal.signal(number, asked)
    return stop


def end_within(seconds: float, status: Callable[[], int]) -> None:
    """End the process with `status` after `seconds`, unless it has ended before.

    Unfinished events are then as after a kill: not committed, and read again by the next worker.
    """

    def end() -> None:
        _log.warning("ended_unfinished", seconds=seconds)
        sys.stderr.flush()
        os._exit(status())

    timer = threading.Timer(seconds, end)
    timer.name, timer.daemon = "index-end", True
    timer.start()
