"""The oracle: has every acknowledged event come to its end? Set algebra on plain values, without I/O.

The fault suite asks it with the account that its generator keeps, `lookalike audit` with the fold of the log.

An event is known by where it first stood: a copy that was put back is the same event. Of each, the first that holds
counts:

1. *indexed*: the row, or the tombstone, has its order (version, then timestamp, topic, partition, offset).
2. *superseded*: the row, or the tombstone, has a higher order.
3. *dead_lettered*: there is a letter of it. A letter that was replayed well is therefore indexed.
4. *covered*: its listing was taken down or erased.
5. *pending*: its offset, or that of a copy, is not committed yet.
6. *lost*: none of these. An event that can't be read has no order, so only 3, 5 and 6 can hold.

What is stored is the higher of row and tombstone, and must be explained: by an event of that order, or by one that the
log may have lost (compaction keeps the last record of a key, not the highest version; retention; a null value that
expired): its place is below the partition's end and no other record lies there. What is not explained is a phantom,
and the rest is judged as if it were not there: that is how things stand once it is deleted.

What is stored must also be whole. A removal: no row, and a tombstone of its order. On sale: a row that shows every
field of the event (`row_of`). Any other status: either of the two, for a listing that leaves the shelf with pictures
that its row does not have gets a tombstone alone. A row below its tombstone is stale: nobody may find it any more. What
is not whole is no fault while the event that it shows is pending: it will be written again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from schemas.listing import ListingEvent
from schemas.order import Order
from schemas.source import Source
from workers.milvus.row import Known, content_of, expected_content

End = Literal["indexed", "superseded", "dead_lettered", "covered", "pending", "lost"]
Kind = Literal["missing", "stale", "phantom", "regressed", "refused"]
Part = Literal["row", "tombstone"]


@dataclass(frozen=True, slots=True)
class Event:
    """What counts of an acknowledged event; `order` is None where it can't be read."""

    source: Source
    """Where it first stood."""
    order: Order | None
    status: str = ""
    content: bytes = b""
    """What a row of it shows."""
    lettered: bool = False
    pending: bool = False
    able: bool = False
    """Known beforehand that nothing is wrong with it, so that a dead letter of it is wrong."""


def event_of(event: ListingEvent | None, source: Source) -> Event:
    """What counts of an event as it was read; None is one that can't be."""
    if event is None:
        return Event(source, None)
    return Event(source, Order.of(event.version, source), event.status, expected_content(event, source))


@dataclass(frozen=True, slots=True)
class Stored:
    """What counts of a row and a tombstone: the row's order and what it shows, the tombstone's order and status."""

    row: tuple[Order, bytes] | None = None
    tombstone: tuple[Order, str] | None = None

    @property
    def newest(self) -> Order | None:
        """The higher of the two orders."""
        return max((kept[0] for kept in (self.row, self.tombstone) if kept), default=None)


def stored_of(known: Known) -> Stored:
    """What counts of what the store knows."""
    row, tombstone = known.row, known.tombstone
    return Stored(
        (known.row_order, content_of(row)) if row and known.row_order else None,
        (known.tombstone_order, tombstone["status"]) if tombstone and known.tombstone_order else None,
    )


@dataclass(frozen=True, slots=True)
class Listing:
    """All that is known of one listing."""

    listing_id: str
    events: Sequence[Event] = ()
    stored: Stored = Stored()
    vanished: frozenset[Order] = frozenset()
    """Orders whose record the log may have lost."""
    covered: bool = False
    """Taken down or erased."""
    written: Order | None = None
    """The highest order that an outcome told as written."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a listing."""

    listing_id: str
    kind: Kind
    says: str
    events: tuple[Event, ...] = ()
    """What to put back, so that it comes right."""
    delete: Part | None = None
    """What to delete, so that it comes right: what nothing explains."""
    order: Order | None = None
    """The order of what is to be deleted."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many events of a listing came to which end, and what is wrong."""

    ends: Mapping[End, int]
    findings: tuple[Finding, ...] = ()
    pending: tuple[tuple[str, Source], ...] = ()
    """What is still on its way: the listing, and where the event first stood."""


def judge(listing: Listing) -> Verdict:
    """The verdict on one listing, by the rules above."""
    readable = {event.order: event for event in listing.events if event.order is not None}
    stored, findings = _explained(listing, readable)
    newest = stored.newest
    ends = [(event, _end(event, newest, covered=listing.covered)) for event in listing.events]
    wrong = {} if listing.covered else _not_whole(stored, readable)
    # A worker died in the middle of a write, or a repair is on its way: it will be made whole.
    mending = [event for events in wrong.values() for event in events if event.pending]
    if mending:
        wrong = {}
    lost = [event for event, end in ends if end == "lost"]
    if lost:
        wrong["; ".join(_lost_says(lost, newest))] = lost
    if wrong:
        kind: Kind = "missing" if newest is None else "stale"
        back = {event.source: event for events in wrong.values() for event in events}
        findings.append(Finding(listing.listing_id, kind, "; ".join(wrong), tuple(back.values())))
    if listing.written is not None and not listing.covered and (newest is None or newest < listing.written):
        says = f"{_shown(listing.written)} was told as written, stored is {_shown(newest)}"
        findings.append(Finding(listing.listing_id, "regressed", says))
    for event, end in ends:
        if end == "dead_lettered" and event.able:
            says = f"{_place(event.source)} is a dead letter, and nothing is wrong with it"
            findings.append(Finding(listing.listing_id, "refused", says))
    waiting = [*(event for event, end in ends if end == "pending"), *mending]
    pending = tuple((listing.listing_id, event.source) for event in waiting)
    return Verdict(Counter(end for _, end in ends), tuple(findings), pending)


def _explained(listing: Listing, readable: Mapping[Order, Event]) -> tuple[Stored, list[Finding]]:
    """What is stored without what nothing explains."""
    stored, findings = listing.stored, list[Finding]()
    if listing.covered:
        if stored.row:
            says = "it was taken down and has a row all the same"
            findings.append(Finding(listing.listing_id, "phantom", says, delete="row", order=stored.row[0]))
        return Stored(None, stored.tombstone), findings
    while (newest := stored.newest) is not None and newest not in readable and newest not in listing.vanished:
        what: Part = "row" if stored.row and stored.row[0] == newest else "tombstone"
        says = f"no event explains its {what} ({_shown(newest)})"
        findings.append(Finding(listing.listing_id, "phantom", says, delete=what, order=newest))
        stored = Stored(None, stored.tombstone) if what == "row" else Stored(stored.row, None)
    return stored, findings


def _end(event: Event, newest: Order | None, *, covered: bool) -> End:
    if event.order is not None and newest is not None and event.order <= newest:
        return "indexed" if event.order == newest else "superseded"
    if event.lettered:
        return "dead_lettered"
    if covered:
        return "covered"
    return "pending" if event.pending else "lost"


def _not_whole(stored: Stored, readable: Mapping[Order, Event]) -> dict[str, list[Event]]:
    """In words how what is stored differs from the event that it shows, and that event where the log still has it."""
    row, tombstone = stored.row, stored.tombstone
    if tombstone and (row is None or row[0] < tombstone[0]):
        event = readable.get(tombstone[0])
        if row is not None:
            says = f"its row ({_shown(row[0])}) is there still, or again, after its removal ({_shown(tombstone[0])})"
            return {says: [event] if event else []}
        if event and event.status == "on_sale":
            return {f"it is on sale ({_shown(event.order)}) and has a tombstone in place of a row": [event]}
        if event and event.status != tombstone[1]:
            return {f"its tombstone says {tombstone[1]}, its event ({_shown(event.order)}) {event.status}": [event]}
    elif row and (event := readable.get(row[0])):
        if event.status == "removed":
            return {f"it is removed ({_shown(event.order)}) and has a row": [event]}
        if event.content != row[1]:
            return {f"its row shows other values than its event ({_shown(event.order)})": [event]}
    return {}


def _lost_says(lost: Sequence[Event], newest: Order | None) -> list[str]:
    says = [f"{_place(event.source)} can't be read and is no dead letter" for event in lost if event.order is None]
    if orders := [event.order for event in lost if event.order is not None]:
        says.append(f"{_shown(max(orders))} is neither stored nor a dead letter; stored is {_shown(newest)}")
    return says


def _shown(order: Order | None) -> str:
    return f"version {order.version} from {_place(order.source)}" if order else "nothing"


def _place(source: Source) -> str:
    return f"{source.topic}:{source.partition}:{source.offset}"


FINDINGS_KEPT = 10_000
"""How many findings a report keeps; all are counted."""


@dataclass
class Report:
    """The verdicts on many listings, added up."""

    checked: int = 0
    ends: Counter[End] = field(default_factory=Counter)
    kinds: Counter[Kind] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    pending: set[tuple[str, Source]] = field(default_factory=set)
    """What is still on its way; no more of it is kept than of findings."""

    def add(self, verdict: Verdict) -> None:
        """Count the verdict on one more listing."""
        self.checked += 1
        self.ends.update(verdict.ends)
        self.kinds.update(finding.kind for finding in verdict.findings)
        self.findings += verdict.findings[: FINDINGS_KEPT - len(self.findings)]
        self.pending.update(verdict.pending[: FINDINGS_KEPT - len(self.pending)])

    @property
    def produced(self) -> int:
        """How many events were judged."""
        return self.ends.total()

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return not self.kinds.total() and not self.ends["lost"]

    def __str__(self) -> str:
        ends = " + ".join(f"{end.replace('_', '-')} {self.ends[end]}" for end in _ALWAYS)
        more = "".join(f" + {end} {self.ends[end]}" for end in _SOMETIMES if self.ends[end])
        wrong = ", ".join(f"{kind} {self.kinds[kind]}" for kind in _KINDS)
        says = "".join(f"\n  {each.listing_id}: {each.kind}: {each.says}" for each in self.findings[:20])
        return f"produced {self.produced} = {ends}{more}, lost {self.ends['lost']}, {wrong}{says}"


_ALWAYS: tuple[End, ...] = ("indexed", "superseded", "dead_lettered")
_SOMETIMES: tuple[End, ...] = ("covered", "pending")
_KINDS: tuple[Kind, ...] = ("phantom", "regressed", "stale", "missing", "refused")
