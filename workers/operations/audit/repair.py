"""Repairing what an audit found: events go back to the workers, and what nothing explains is deleted.

The workers stay the only ones who write: the events that are missing go through `listing-retry`, raw as they came and
with their first place, so the guard decides about them as about all others, and a newer event wins as ever.

What no event explains has no owner who would ever write it, so it is deleted from here, after it was read once more.
The store knows no conditional delete: an event of that very listing that is written between that look and the delete,
a few milliseconds, loses its row. The audit that ends a repair finds it missing, and puts it back.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from confluent_kafka.admin import OffsetSpec

from schemas.source import Source
from streams.clients import admin
from streams.errors import ServiceUnavailable
from streams.history import listing_history, listing_of
from streams.lag import committed_offsets
from streams.listing_codec import Record
from streams.publish import Publisher
from streams.retry_headers import RetryState, first_source
from streams.topic_reader import PartitionId, offsets
from streams.topics import RETRY
from workers.milvus.row import Known, Tombstone
from workers.operations.audit.audit import Audited, audit
from workers.operations.audit.oracle import Finding, Part, Report
from workers.operations.audit.sources import Progress, Subject

ROUNDS = 3
"""How often it is tried: what is put back may turn out bad, and the next lower event is then missing."""
_LOOK_SECONDS = 1.0

Event = tuple[str, Source]
"""A listing, and where its event first stood."""


@dataclass(frozen=True)
class Repaired:
    """How many findings are right by now, and how things stand with the listings that were wrong."""

    repaired: int
    left: Report


def repair(
    subject: Subject, found: Audited, seconds: float, progress: Progress = lambda _what, _count: None
) -> Repaired:
    """Put right what `found` says, and wait up to `seconds` until it is.

    Raises ServiceUnavailable where no index worker runs, who would do it, or where a service is away.
    """
    findings = found.report.findings
    if findings and not found.workers:
        raise ServiceUnavailable(
            f"no index worker is in the group {subject.group}, and only workers write; start one with "
            "`lookalike worker index`, then repair again",
        )
    concerned = replace(subject, only={each.listing_id for each in findings})
    left, deadline = found.report, time.monotonic() + seconds
    waiting: set[Event] = set()
    for _ in range(ROUNDS):
        if not left.findings or time.monotonic() > deadline:
            break
        sent = _mend(concerned, left.findings)
        left, waiting = _await(concerned, sent, deadline, progress)
    unfinished = {each.listing_id for each in left.findings} | {listing_id for listing_id, _ in waiting}
    return Repaired(sum(each.listing_id not in unfinished for each in findings), left)


def _await(subject: Subject, sent: set[Event], deadline: float, progress: Progress) -> tuple[Report, set[Event]]:
    """How the listings stand, and which of the events that were sent are on their way, when all are right, when the
    workers have done with all that was sent, or at the deadline."""
    marks = _retry_ends(subject, sent)
    while True:
        began = time.monotonic()
        worked_off = _passed(subject, marks)
        left = audit(subject).report
        waiting = sent & left.pending
        progress("findings and events on their way", len(left.findings) + len(waiting))
        if not (left.findings or waiting) or (worked_off and not waiting) or began > deadline:
            return left, waiting
        time.sleep(max(_LOOK_SECONDS, time.monotonic() - began))  # an audit reads the whole log


def _retry_ends(subject: Subject, sent: Iterable[Event]) -> dict[PartitionId, int]:
    places = [(subject.settings.named(RETRY), number) for number in sorted({source.partition for _, source in sent})]
    return offsets(admin(subject.settings), places, OffsetSpec.latest())


def _passed(subject: Subject, marks: Mapping[PartitionId, int]) -> bool:
    committed = committed_offsets(subject.settings, subject.group, marks)
    return all(committed.get(place, 0) >= end for place, end in marks.items())


def _mend(subject: Subject, findings: Iterable[Finding]) -> set[Event]:
    """Delete what nothing explains, then put back what should be there; returns what was put back."""
    by_listing: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_listing[finding.listing_id].append(finding)
    known = subject.store.known(by_listing)
    _delete(subject, by_listing, known)
    wanted = {(each, event.source) for each, own in by_listing.items() for found in own for event in found.events}
    sent: set[Event] = set()
    publisher = Publisher(subject.settings)
    for removal in _removals(by_listing, known):
        sent.add((listing_of(removal.key), removal.source))
        publisher.requeue(removal, RetryState())
    for record in listing_history(subject.settings, by_listing) if wanted else ():
        event = (listing_of(record.key), first_source(record))
        if event in wanted - sent:  # of several copies one is enough
            sent.add(event)
            publisher.requeue(record, RetryState())
    publisher.close()
    return sent


def _delete(subject: Subject, by_listing: Mapping[str, list[Finding]], known: Mapping[str, Known]) -> None:
    """Delete what nothing explains, where it is still what was judged."""
    doomed: dict[Part, list[str]] = {"row": [], "tombstone": []}
    for listing_id, own in by_listing.items():
        orders = {"row": known[listing_id].row_order, "tombstone": known[listing_id].tombstone_order}
        for finding in own:
            if finding.delete and finding.order == orders[finding.delete]:
                doomed[finding.delete].append(listing_id)
    subject.store.delete_rows(doomed["row"])
    subject.store.delete_tombstones(doomed["tombstone"])


def _removals(by_listing: Mapping[str, list[Finding]], known: Mapping[str, Known]) -> Iterable[Record]:
    """The removals that only a tombstone still tells of: a null value expires, or compaction took its place."""
    for listing_id, own in by_listing.items():
        tombstone, order = known[listing_id].tombstone, known[listing_id].tombstone_order
        if tombstone and order and any(each.kind == "stale" and not each.events for each in own):
            yield removal_of(tombstone, order.source)


def removal_of(tombstone: Tombstone, source: Source) -> Record:
    """The removal that a tombstone tells of, as a record at its first place."""
    version = str(tombstone["version"]).encode()
    return Record(source, tombstone["listing_id"].encode(), None, (("version", version),))
