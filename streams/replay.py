"""Replaying dead letters: each event goes back through `listing-retry`, raw as it came, its first place kept.

Safe to repeat: the index worker orders an event by its first place, so what is indexed already, or older than what is,
is not done again.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from streams.dead_letters import Letter
from streams.publish import Publisher
from streams.read import read_at
from streams.retry import PutBack
from streams.settings import Settings


@dataclass
class Replayed:
    """What became of the letters that were to be replayed."""

    matched: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    replayed: int = 0
    failed: int = 0
    not_replayable: list[dict[str, object]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As `lookalike dead-letters replay --json` shows it."""
        return {
            "matched": self.matched, "by_reason": dict(self.by_reason.most_common()), "replayed": self.replayed,
            "failed": self.failed, "not_replayable": self.not_replayable, "errors": self.errors,
        }  # fmt: skip


def replay(
    settings: Settings,
    letters: Iterable[Letter],
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Put the events of `letters` back, one by one as they come; returns when Kafka has confirmed all.

    With `dry_run` nothing is sent. Raises CommandFailed (exit 3) where Kafka confirmed none.
    """
    told = Replayed()
    publisher: Publisher | None = None
    for letter in letters:
        told.matched += 1
        told.by_reason[letter.letter.reason] += 1
        progress(told.matched)
        event = read_at(settings, letter.letter.source) if letter.left_out else letter.event
        if event is None:
            told.not_replayable.append(letter.row() | {"why": "too large for its letter, and gone from its topic"})
        elif not dry_run:
            publisher = publisher or Publisher(settings)
            publisher.put_back(event, PutBack(attempts=letter.letter.attempts))
    if publisher is not None:
        delivered = publisher.close()
        told.replayed, told.failed, told.errors = delivered.published, delivered.failed, delivered.errors
    return told
