"""Shutdown: signal handling, and an exit within the grace time even if something hangs."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable

import structlog

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_log = structlog.get_logger(__name__)


def on_stop_signal(stop: Callable[[], None]) -> None:
    """Call `stop` once, at the first SIGTERM or Ctrl-C; to be called from the main thread.

    Later signals are ignored: they must not interrupt the shutdown. A handler would be gone while the interpreter
    exits, which takes a second; an ignored signal stays ignored. `stop` runs between two instructions of the main
    thread and must not raise. It may set an event only if the main thread never waits for that event: it could hold the
    event's lock just then, for ever.
    """

    def handle(*_: object) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        stop()

    for number in STOP_SIGNALS:
        signal.signal(number, handle)


def stop_event() -> asyncio.Event:
    """The event that SIGTERM or Ctrl-C sets, for the running event loop; from the main thread."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def set_event() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it is ending already
            loop.call_soon_threadsafe(stop.set)

    on_stop_signal(set_event)
    return stop


def end_within(seconds: float, status: Callable[[], int]) -> None:
    """End the process with `status` after `seconds`, unless it has ended before.

    Unfinished work is then as after a kill: not committed, and read again by the next process.
    """

    def end() -> None:
        _log.warning("ended_unfinished", seconds=seconds)
        sys.stderr.flush()
        os._exit(status())

    timer = threading.Timer(seconds, end)
    timer.name, timer.daemon = "end-within", True
    timer.start()
