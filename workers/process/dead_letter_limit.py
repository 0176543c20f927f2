"""The dead-letter limit: if messages of many parties are bad, the fault is probably ours. Pure, except for its lock.

Counting records alone would let one seller stop the workers for everybody. So a bad record counts for its parties:
a sender (seller, user) counts for at most a tenth of a limit, and so does the site of its pictures while pictures of
another site are good. Thus it takes ten parties at least to reach a limit. If no other site is known to be good, one
site may reach it alone: a marketplace with all pictures on one host must be stopped if none of them can be decoded.
"""

import threading
from collections import Counter, deque
from typing import Literal

from streams.errors import Broken
from workers.process.failure_policy import DeadLetterPolicy
from workers.process.parties import Party

Stage = Literal["read", "done"]
"""Where a message can turn out bad: when it is parsed, or when it is processed. Each stage has its own count: the dead
letter of an unreadable message is sent at once, while the messages that were parsed may wait for Milvus or the group.
"""

STAGES: dict[str, Stage] = {
    "deserialize": "read",
    "schema": "read",
    "key-mismatch": "read",
    "image-refused": "done",
    "image-too-large": "done",
    "image-undecodable": "done",
    "encode": "done",
    "row-rejected": "done",
}
"""Reasons that a wrong release or setting of ours would give to every message. Not among them: image-missing and
fetch-exhausted, which depend on the servers of others."""
PARTIES = 10
"""The least number of independent parties that reach a limit: each counts for at most a tenth of it, and for at least
one record."""


class _Weights:
    """Bad records by party, capped at what may count towards `limit`, which also bounds the memory."""

    def __init__(self, limit: float) -> None:
        self._limit, self._most = limit, max(1, int(limit / PARTIES))
        self._senders, self._sites = Counter[str](), Counter[str]()
        self.of_senders = 0

    def add(self, party: Party) -> None:
        if self.of_senders < self._limit and self._senders[party.sender] < self._most:
            self._senders[party.sender] += 1
            self.of_senders += 1
        if party.site in self._sites or len(self._sites) < self._limit:
            self._sites[party.site] += 1

    def reach(self, good_sites: set[str]) -> bool:
        """Whether the limit is reached, given that pictures of `good_sites` were good."""
        if self.of_senders < self._limit:
            return False
        of_sites = sum(
            min(count, self._most) if site and good_sites - {site} else count for site, count in self._sites.items()
        )
        return of_sites >= self._limit

    @property
    def parties(self) -> int:
        return len(self._senders)


class _Tally:
    """The recent results of one stage."""

    def __init__(self, policy: DeadLetterPolicy) -> None:
        self._row_limit, self._window_limit = (
            policy.max_consecutive_dead_letters,
            policy.max_dead_letter_ratio * policy.dead_letter_window,
        )
        self._ends: deque[tuple[bool, Party]] = deque(maxlen=policy.dead_letter_window)
        self._bad = 0
        self._in_a_row, self._row = 0, _Weights(self._row_limit)

    def good(self, site: str) -> None:
        if self._in_a_row:
            self._in_a_row, self._row = 0, _Weights(self._row_limit)
        self._add(Party("", site), bad=False)

    def bad(self, party: Party) -> None:
        self._in_a_row += 1
        self._row.add(party)
        self._add(party, bad=True)

    def _add(self, party: Party, *, bad: bool) -> None:
        if len(self._ends) == self._ends.maxlen:
            self._bad -= self._ends[0][0]
        self._ends.append((bad, party))
        self._bad += bad

    def over(self) -> str:
        """Why the limit is exceeded, in a clause; empty if it is not."""
        if self._row_limit and self._row.reach(self._good_sites()):
            return f"{self._in_a_row} events in a row would be dead-lettered, of {self._row.parties} parties"
        if not self._window_limit or self._bad < self._window_limit:
            return ""
        recent = _Weights(self._window_limit)
        for bad, party in self._ends:
            if bad:
                recent.add(party)
        if not recent.reach(self._good_sites()):
            return ""
        return f"{self._bad} of the last {len(self._ends)} events would be dead-lettered, of {recent.parties} parties"

    def _good_sites(self) -> set[str]:
        return {party.site for bad, party in self._ends if not bad and party.site}


class DeadLetterLimit:
    """Checked before each dead letter is sent. Thread-safe.

    Over the limit the dead letter is not sent and its event not finished, so it is read again after a restart. Of many
    parties' dead letters, at most `max_consecutive_dead_letters - 1`, or `dead_letter_window` times
    `max_dead_letter_ratio` among good results, are sent in each start of a worker; a supervisor's backoff (30 s) bounds
    how often that is.
    """

    def __init__(self, policy: DeadLetterPolicy) -> None:
        self._lock = threading.Lock()
        self._tallies: dict[Stage, _Tally] = {stage: _Tally(policy) for stage in ("read", "done")}
        self._why = ""

    def good(self, stage: Stage, site: str = "") -> None:
        """Count a success: an event was parsed, its pictures (of `site`) decoded, or it ended without dead letter."""
        with self._lock:
            self._tallies[stage].good(site)

    def bad(self, reason: str, error: str, party: Party) -> None:
        """Count a dead letter of `party` before it is sent. Raises Broken over the limit, then and ever after."""
        with self._lock:
            if (stage := STAGES.get(reason)) and not self._why:
                self._tallies[stage].bad(party)
                self._why = self._tallies[stage].over()
                if self._why:
                    self._why += (
                        f", the last one as {reason} ({error[:200]}): more likely something of ours, or a release of "
                        "the publisher's, is wrong; nothing of it is lost. See `lookalike dead-letters list`, put the "
                        "cause right and start again; if the messages really are bad, let them pass with "
                        "--letters-in-a-row 0 --letters-ratio 0"
                    )
            if self._why:
                raise Broken(self._why)
