"""The demo's marketplace: it publishes events, waits until they are worked off, and keeps what must be true."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from schemas.listing import ListingEvent
from streams.publish import Publisher
from streams.settings import Settings
from workers.demo.console import Console
from workers.demo.figures import Check, ReportedOutcomes, told
from workers.demo.indexing_wait import wait_until_indexed


@dataclass
class Market:
    """What is on sale, what was told of it, and the checks so far."""

    settings: Settings
    voice: Console
    indexed: list[ListingEvent] = field(default_factory=list)
    """What got into the index, each listing as last published."""
    checks: list[Check] = field(default_factory=list)
    changes: ReportedOutcomes = field(default_factory=ReportedOutcomes)
    """Outcomes of all events after the first of each listing."""

    def publish(self, events: Sequence[ListingEvent]) -> tuple[ReportedOutcomes, float]:
        """Publish, and wait until all is worked off; what was told of it, and the seconds from first to last.

        Raises LookalikeError where Kafka does not confirm, or where the worker does not get on.
        """
        started, before = time.monotonic(), self._publisher.delivered.published
        for event in events:
            self._publisher.publish(event)
            self.voice.live(f"{self._publisher.delivered.published - before} of {len(events)} published")
        delivered = self._publisher.close()
        if delivered.failed:
            raise delivered.failure(f"{delivered.failed} events were not confirmed: {delivered.errors[0]}")
        confirmed = delivered.published - before
        self.voice.note(f"{confirmed} events confirmed by Kafka after {time.monotonic() - started:.2f} s")
        wait_until_indexed(self.settings, len(events), self.voice)
        seconds = time.monotonic() - started
        return told(self.settings).of(events), seconds

    def change(self, events: Sequence[ListingEvent]) -> ReportedOutcomes:
        """Publish changes of indexed listings; what was told of them."""
        found, _ = self.publish(events)
        self.changes = ReportedOutcomes(self.changes.outcomes + found.outcomes)
        newest = {event.listing_id: event for event in events}
        self.indexed = [newest.get(event.listing_id, event) for event in self.indexed]
        return found

    def check(self, claim: str, expected: int, found: int) -> None:
        """Keep a count that must be what it must be; say at once where it is not."""
        self.checks.append(Check(claim, expected, found))
        if expected != found:
            self.voice.note(f"NOT AS IT MUST BE: {claim}: {found}, must be {expected}")

    @cached_property
    def _publisher(self) -> Publisher:
        """One for the whole demo, as a marketplace has it: a new one takes half a second to get to know the broker."""
        return Publisher(self.settings)

    def current(self, events: Sequence[ListingEvent]) -> list[ListingEvent]:
        """The same listings, as last published."""
        known = {event.listing_id: event for event in self.indexed}
        return [known[event.listing_id] for event in events]
