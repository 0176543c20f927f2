"""Replaying dead letters: each event goes back through `listing-retry`, raw as it came, its first place kept.

Safe to repeat: the index worker orders an event by its first place, so what is indexed already, or older than what is,
is not done again.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from streams.dead_letters import StoredDeadLetter
from streams.listing_codec import Record
from streams.publish import Publisher
from streams.retry_headers import RetryState
from streams.settings import Settings
from streams.topic_reader import read_at


@dataclass
class Replayed:
    """What became of the letters that were to be replayed."""

    matched: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    replayed: int = 0
    failed: int = 0
    not_replayable: list[dict[str, object]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    refused: bool = False
    """Whether Kafka refused one of those that failed."""

    def document(self) -> dict[str, Any]:
        """As `lookalike dead-letters replay --json` shows it."""
        return {
            "matched": self.matched,
            "by_reason": dict(self.by_reason.most_common()),
            "replayed": self.replayed,
            "failed": self.failed,
            "not_replayable": self.not_replayable,
            "errors": self.errors,
        }


def replay(
    settings: Settings,
    letters: Iterable[StoredDeadLetter],
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Put the events of `letters` back, one by one as they come; returns when Kafka has confirmed all.

    With `dry_run` nothing is sent. If Kafka confirmed none, raises LookalikeError if it refused them,
    ServiceUnavailable if it is away.
    """
    told = Replayed()
    publisher: Publisher | None = None
    for letter in letters:
        told.matched += 1
        told.by_reason[letter.dead_letter.reason] += 1
        progress(told.matched)
        event = read_at(settings, letter.dead_letter.source) if letter.left_out else letter.event
        if event is None:
            told.not_replayable.append(letter.row() | {"why": "too large for its letter, and gone from its topic"})
        elif not dry_run:
            publisher = publisher or Publisher(settings)
            publisher.requeue(
                event,
                RetryState(attempts=letter.dead_letter.attempts),
                partial(_too_large, told.not_replayable, letter, event),
            )
    if publisher is not None:
        delivered = publisher.close()
        told.replayed, told.failed, told.errors = delivered.published, delivered.failed, delivered.errors
        told.refused = delivered.refused
    return told


def _too_large(refused: list[dict[str, object]], letter: StoredDeadLetter, event: Record) -> None:
    why = f"{event.size} bytes, more than listing-retry takes; raise its max.message.bytes, or publish it anew"
    refused.append(letter.row() | {"why": why})
