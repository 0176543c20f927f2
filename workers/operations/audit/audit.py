"""The audit: compares the fold of the log with rows and tombstones, and looks again before it finds fault."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from schemas.order import Order
from streams.takedowns import Takedowns, read_takedowns
from streams.topic_reader import record_at
from workers.operations.audit.notebook import Notebook
from workers.operations.audit.oracle import Event, Listing, Report, Verdict, judge, stored_of
from workers.operations.audit.sources import Borders, Progress, Subject, gather

_AT_ONCE = 500


@dataclass(frozen=True)
class Audited:
    """What an audit found, and how many index workers were there to put it right."""

    report: Report
    workers: int


def audit(subject: Subject, progress: Progress = lambda _what, _count: None) -> Audited:
    """Judge every listing of `subject` by the rules of `oracle`.

    Safe while the workers go on: events that were not committed when the audit began are pending, and what seems wrong
    is read a second time (Strong) before it counts. Raises ServiceUnavailable and SlowDown where a service is away.
    """
    with Notebook() as notes:
        borders = gather(subject, notes, progress)
        hidden = read_takedowns(subject.settings)
        report = Report()
        for verdict in _verdicts(subject, notes, borders, hidden):
            report.add(verdict)
            progress("listings", report.checked)
        return Audited(report, borders.workers)


def _verdicts(subject: Subject, notes: Notebook, borders: Borders, hidden: Takedowns) -> Iterator[Verdict]:
    doubtful: list[Listing] = []
    for noted in notes.listings():
        listing = withdrawn(noted, hidden)
        whole = replace(
            listing, vanished=_vanished(listing, lambda order: _lost_to_the_log(subject, notes, borders, order))
        )
        verdict = judge(whole)
        if not verdict.findings:
            yield verdict
            continue
        doubtful.append(whole)
        if len(doubtful) == _AT_ONCE:
            yield from _looked_at_again(subject, borders, doubtful, hidden)
            doubtful = []
    yield from _looked_at_again(subject, borders, doubtful, hidden)


def _looked_at_again(
    subject: Subject, borders: Borders, listings: list[Listing], hidden: Takedowns
) -> Iterable[Verdict]:
    """The verdicts on listings that seemed wrong, with what is stored of them now."""
    known = subject.store.known(listing.listing_id for listing in listings)
    for listing in listings:
        stored = stored_of(known[listing.listing_id])
        if stored != listing.stored:
            # It moves. What it shows may be newer than the log was when it was read; an older place was looked up then.
            changed = withdrawn(replace(listing, stored=stored), hidden)
            vanished = _vanished(changed, lambda order: not borders.within(order.source))
            listing = replace(changed, vanished=listing.vanished | vanished)
        yield judge(listing)


def withdrawn(listing: Listing, hidden: Takedowns) -> Listing:
    """A listing without its erased events, and marked where a takedown covers it.

    Who covers it by seller or picture is not noted: where there is such a takedown, a tombstone that says so is taken
    at its word.
    """
    listing_id, grave = listing.listing_id, listing.stored.tombstone
    if hidden.erasure(listing_id) is not None:
        left = tuple(each for each in listing.events if not _erased(each, listing_id, hidden))
        written = listing.written
        if written is not None and hidden.is_erased(listing_id, written.version):
            written = None
        listing = replace(listing, events=left, written=written, covered=not left)
    by_another = grave is not None and grave[1] == "taken_down" and hidden.any_of("seller", "image")
    return replace(listing, covered=listing.covered or hidden.covers(listing_id) or by_another)


def _erased(event: Event, listing_id: str, hidden: Takedowns) -> bool:
    if event.order is None:
        return hidden.erased_at(listing_id, event.source.timestamp)
    return hidden.is_erased(listing_id, event.order.version)


def _vanished(listing: Listing, may_be_lost: Callable[[Order], bool]) -> frozenset[Order]:
    """The stored orders that no event has and whose record may be lost; only the newest is ever asked for."""
    newest = listing.stored.newest
    if newest is None or any(event.order == newest for event in listing.events) or not may_be_lost(newest):
        return frozenset()
    return frozenset([newest])


def _lost_to_the_log(subject: Subject, notes: Notebook, borders: Borders, order: Order) -> bool:
    """Whether the record of this order can have been in the log: at its place there was one, and now there is none."""
    place = order.source
    if not borders.within(place) or notes.knows(place):
        return False
    # Where only some listings are audited, the notes do not know the places of the others.
    return subject.only is None or record_at(subject.settings, place) is None
