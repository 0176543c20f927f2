"""What there is of one listing, and the one conclusion from it: pure, the clock is passed in."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from schemas.listing import ListingEvent
from schemas.order import Order
from schemas.outcome import Outcome
from schemas.source import Source
from schemas.takedown import Takedown
from streams.dead_letters import StoredDeadLetter, place_of
from streams.listing_codec import Record
from streams.retry_headers import RetryState
from streams.takedowns import Takedowns


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the listing in the log; `event` is None where it can't be read, `error` says why."""

    record: Record
    source: Source
    event: ListingEvent | None
    error: str
    put_back: RetryState | None

    @property
    def order(self) -> Order | None:
        """What decides which of two events is the later."""
        return None if self.event is None else Order.of(self.event.version, self.source)

    def document(self) -> dict[str, Any]:
        """As `explain --json` shows it."""
        seen = self.event
        return {
            "place": place_of(self.record.source),
            "version": seen.version if seen else None,
            "status": seen.status if seen else self.error,
            "title": seen.title if seen else "",
        }


@dataclass
class Found:
    """What there is of one listing."""

    listing_id: str
    hidden: Takedowns
    events: list[Event] = field(default_factory=list)
    outcomes: list[tuple[Record, Outcome]] = field(default_factory=list)
    letters: list[StoredDeadLetter] = field(default_factory=list)
    model: str | None = None
    row: dict[str, Any] | None = None
    tombstone: dict[str, Any] | None = None
    stored: Order | None = None
    """The order of the event that the row or the tombstone shows."""
    before: int | None = None
    """How many events the index workers have before the newest one; None where they are past it."""

    @property
    def newest(self) -> Event | None:
        """The event that should be in the index; where it was put back, as it was last put back."""
        readable = [each for each in self.events if each.order is not None]
        return max(readable, key=lambda each: (each.order or (), each.record.source.timestamp), default=None)


def conclusion(found: Found, *, now: datetime) -> str:
    """One sentence or two: whether the listing is in the index, and if not, or not as of its newest event, why."""
    newest, kept = found.newest, found.row or found.tombstone
    erasure = found.hidden.erasure(found.listing_id)
    if (
        erasure is not None
        and newest is None
        and (found.row is None or found.hidden.is_erased(*_version_of(found.row)))
    ):
        return f"It was erased at {erasure.at:%Y-%m-%d %H:%M} UTC, up to version {erasure.version}."
    if (entry := _takedown(found)) is not None:
        why = f" ({entry.reason})" if entry.reason else ""
        rows = " Its row is still to be removed by an index worker." if found.row else ""
        return f"It is taken down: {entry.kind} {entry.value}, since {entry.at:%Y-%m-%d %H:%M} UTC{why}.{rows}"
    if kept is None and not found.events and not found.letters:
        return f"{found.listing_id} is unknown: no event of it was published, and it has no row."
    if newest is None and kept is None:
        return f"None of its events can be read: {_last_refusal(found)}"
    if newest is not None and newest.order is not None and (found.stored is None or found.stored < newest.order):
        return f"{_why_not(found, newest, now)} {_meanwhile(found)}".rstrip()
    return _shown(found)


def _version_of(row: dict[str, Any]) -> tuple[str, int]:
    return row["listing_id"], row["version"]


def _takedown(found: Found) -> Takedown | None:
    """The takedown that covers it; by the seller of its newest event, or of its row, and by its row's picture."""
    newest, row = found.newest, found.row or {}
    seller = newest.event.seller_id if newest and newest.event else row.get("seller_id", "")
    return found.hidden.why(found.listing_id, seller, row.get("image_hash", ""))


def _shown(found: Found) -> str:
    row, grave = found.row, found.tombstone
    if row is not None and (grave is None or grave["version"] < row["version"]):
        shown = "shown" if row["status"] == "on_sale" else "shown only with --include-sold"
        return f"It is in the index at version {row['version']}, {row['status']}: {shown}."
    kept = grave or {}
    if kept.get("status") == "taken_down":
        return (
            f"It is not in the index: it was taken down at version {kept.get('version')}, with its picture or before."
        )
    return f"It is not in the index: {kept.get('status')} at version {kept.get('version')}."


def _meanwhile(found: Found) -> str:
    return f"Until then: {_shown(found)}" if found.row or found.tombstone else ""


def _why_not(found: Found, newest: Event, now: datetime) -> str:
    """Why the newest event has not been worked off."""
    version = newest.event.version if newest.event else None
    what = f"Its newest event (version {version})"
    letter = max(
        (each for each in found.letters if each.dead_letter.source == newest.source), key=_written_at, default=None
    )
    back = newest.put_back
    again = back is not None and (letter is None or newest.record.source.timestamp >= _written_at(letter))
    if letter is not None and not again:
        return f"{what} is a dead letter: {letter.dead_letter.reason}, {letter.dead_letter.error}."
    if back is not None and (wait := back.not_before / 1_000 - now.timestamp()) > 0:
        until = datetime.fromtimestamp(back.not_before / 1_000, UTC).isoformat(timespec="seconds")
        return (
            f"{what} waits in listing-retry until {until} (in {wait:.0f} s), after {back.attempts} attempts: "
            f"its image host {_host(newest)} is away."
        )
    refused = [each for _, each in found.outcomes if each.source == newest.source and each.outcome == "refused"]
    if refused and not again:
        return f"{what} was refused by {refused[-1].model}; its dead letter has expired."
    return f"{what} has not been worked off yet: {_behind(found)}"


def _behind(found: Found) -> str:
    if found.model is None:
        return "nothing is indexed yet; start a worker with `lookalike worker index`."
    if found.before is None:
        return f"the index workers of {found.model} have passed it, and its end is not known; see `lookalike audit`."
    return f"{found.before} events are before it on its partition; see `lookalike lag`."


def _host(event: Event) -> str:
    urls = event.event.image_urls if event.event else ()
    return ", ".join(sorted({urlsplit(url).netloc.rpartition("@")[2] for url in urls})) or "–"


def _last_refusal(found: Found) -> str:
    if found.letters:
        letter = max(found.letters, key=_written_at).dead_letter
        return f"the newest is a dead letter: {letter.reason}, {letter.error}."
    return f"{found.events[-1].error}."


def _written_at(letter: StoredDeadLetter) -> int:
    return letter.record.source.timestamp
