"""A limit on dead letters: when all messages seem bad, it is more likely that we are. Pure, but for its lock."""

import threading
from collections import deque
from typing import Literal

from streams.failures import Broken
from workers.index.limits import Endings

Stage = Literal["read", "done"]
"""Where a message can turn out bad: when it is read, or in what is done with it. Each is judged by itself: a letter of
what can't be read is written at once, while all that could be read may wait for Milvus or the group."""

STAGES: dict[str, Stage] = {
    "deserialize": "read", "schema": "read", "key-mismatch": "read", "image-refused": "done", "image-too-large": "done",
    "image-undecodable": "done", "encode": "done", "row-rejected": "done",
}  # fmt: skip
"""Reasons that a wrong release or setting of ours would give to every message. Not among them: image-missing and
fetch-exhausted, which is what the servers of others said."""


class _Tally:
    """The ends of one stage, as far back as they count."""

    def __init__(self, window: int) -> None:
        self.in_a_row = 0
        self.bad: deque[bool] = deque(maxlen=window)

    def add(self, *, bad: bool) -> None:
        self.in_a_row = self.in_a_row + 1 if bad else 0
        self.bad.append(bad)


class LetterLimit:
    """Asked before each letter is sent; safe to use from several threads.

    Over the limit the letter is not sent and its event not finished, so it is read again after a restart. At most
    `letters_in_a_row - 1` letters, or `letters_window` times `letters_ratio` among good ends, drain away in each
    start of a worker; a supervisor's back-off (30 s) bounds how often that is.
    """

    def __init__(self, endings: Endings) -> None:
        self._endings = endings
        self._lock = threading.Lock()
        self._tallies: dict[Stage, _Tally] = {stage: _Tally(endings.letters_window) for stage in ("read", "done")}
        self._why = ""

    def good(self, stage: Stage) -> None:
        """An event was read; or its pictures could be decoded, or it came to its end without a letter."""
        with self._lock:
            self._tallies[stage].add(bad=False)

    def letter(self, reason: str, error: str) -> None:
        """A letter is about to be sent. Raises Broken where that is over the limit, then and ever after."""
        with self._lock:
            if (stage := STAGES.get(reason)) and not self._why:
                self._tallies[stage].add(bad=True)
                self._why = self._over(self._tallies[stage])
                if self._why:
                    self._why += (
                        f", the last one as {reason} ({error[:200]}): more likely something of ours, or a release of "
                        "the publisher's, is wrong; nothing of it is lost. See `lookalike dead-letters list`, put the "
                        "cause right and start again; if the messages really are bad, let them pass with "
                        "--letters-in-a-row 0 --letters-ratio 0"
                    )
            if self._why:
                raise Broken(self._why)

    def _over(self, tally: _Tally) -> str:
        limits = self._endings
        if limits.letters_in_a_row and tally.in_a_row >= limits.letters_in_a_row:
            return f"{tally.in_a_row} events in a row would be dead-lettered"
        bad = sum(tally.bad)
        if limits.letters_ratio and bad >= limits.letters_ratio * limits.letters_window:
            return f"{bad} of the last {len(tally.bad)} events would be dead-lettered"
        return ""
