"""What the demo says while it runs, on stderr: headlines, notes, and one live line."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_PLAIN_EVERY = 5.0  # seconds between two progress lines where nothing can be overwritten


class Console:
    """On a terminal the live line overwrites itself; elsewhere (a file, a CI log) it is a line now and then."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._bold = self._terminal and not os.environ.get("NO_COLOR")
        self._step = 0
        self._lively = False
        self._said_at = time.monotonic()

    def title(self, text: str) -> None:
        """The first line."""
        self._write(self._strong(text) + "\n")

    def headline(self, text: str) -> None:
        """A step begins; steps count themselves."""
        self._step += 1
        self._write("\n" + self._strong(f"{self._step}  {text}") + "\n")
        self._said_at = time.monotonic()

    def note(self, text: str) -> None:
        """What came of it."""
        self._write(f"   {text}\n")

    def live(self, text: str) -> None:
        """How it stands right now."""
        if self._terminal:
            width = shutil.get_terminal_size().columns
            self._write(f"   {text}"[: width - 1])
            self._lively = True
        elif time.monotonic() - self._said_at >= _PLAIN_EVERY:
            self._said_at = time.monotonic()
            self._write(f"   {text}\n")

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show `text` and the seconds that pass, while what is inside blocks."""
        done, started = threading.Event(), time.monotonic()

        def tick() -> None:
            while not done.wait(0.2):
                self.live(f"{text} {time.monotonic() - started:.0f} s")

        ticker = threading.Thread(target=tick, name="demo-ticker", daemon=True)
        ticker.start()
        try:
            yield
        finally:
            done.set()
            ticker.join()
            self._write("")

    def _strong(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._bold else text

    def _write(self, text: str) -> None:
        self._stream.write(("\r\x1b[K" if self._lively else "") + text)
        self._stream.flush()
        self._lively = False


def bar(done: int, total: int, width: int = 30) -> str:
    """A bar of `width` characters.

    >>> bar(1, 2, 8)
    '████····'
    """
    full = width * done // total if total else width
    return "█" * full + "·" * (width - full)
