"""The ledger: the account that whoever publishes keeps of what Kafka acknowledged. It never reads the system."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from faults.histories import Made
from schemas.order import Order
from schemas.outcome import Outcome
from schemas.source import Source
from workers.milvus.row import Known
from workers.operations.audit.oracle import Listing, Report, Stored, event_of, judge, stored_of

Place = tuple[str, int, int]
WRITTEN = ("indexed", "metadata", "removed")


class Ledger:
    """What was acknowledged, and where it stands; the verdict compares that with what became of it."""

    def __init__(self) -> None:
        self.entries: list[tuple[Made, Source]] = []
        """Each event with the place that Kafka confirmed; copies that were put back are no events of their own."""

    def published(self, made: Made, source: Source) -> None:
        """Kafka acknowledged the record at this place."""
        if made.copy_of is None:
            self.entries.append((made, source))

    @property
    def listing_ids(self) -> list[str]:
        """Every listing that an event names, each once."""
        return list(dict.fromkeys(made.listing_id for made, _ in self.entries))

    def verdict(
        self,
        known: Mapping[str, Known],
        letters: Iterable[Source],
        outcomes: Iterable[Outcome] = (),
        *,
        covered: Collection[str] = (),
    ) -> Report:
        """What became of everything, when all should have come to its end.

        `known` is what is stored of all listings, those of rows that nobody published among them; `letters` are the
        first sources of the dead letters; `covered` are the listings that were taken down or erased.
        """
        lettered = {_place(source) for source in letters}
        written: dict[str, Order] = {}
        for outcome in outcomes:
            if outcome.outcome in WRITTEN:
                order = Order.of(outcome.version, outcome.source)
                written[outcome.listing_id] = max(order, written.get(outcome.listing_id, order))
        events = defaultdict(list)
        for made, source in self.entries:
            event = replace(event_of(made.event, source), lettered=_place(source) in lettered, able=made.able)
            events[made.listing_id].append(event)
        report = Report()
        for listing_id in sorted({*events, *known, *written}):
            stored = stored_of(known[listing_id]) if listing_id in known else Stored()
            report.add(
                judge(
                    Listing(
                        listing_id,
                        events[listing_id],
                        stored,
                        covered=listing_id in covered,
                        written=written.get(listing_id),
                    )
                )
            )
        return report


def _place(source: Source) -> Place:
    return (source.topic, source.partition, source.offset)
