"""From a Kafka record to a listing event, and back; what can't be read becomes a BadMessage."""

import re
from dataclasses import dataclass

from pydantic import ValidationError

from schemas.listing import ListingEvent
from schemas.source import Source
from streams.errors import BadMessage
from streams.record_headers import Headers, unreadable

_NUMBER = re.compile(rb"[0-9]{1,19}")  # INT64_MAX has 19 digits; int() itself refuses more than 4,300


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it came, before anything was read into it."""

    source: Source
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of its key, value and headers."""
        return len(self.key or b"") + len(self.value or b"") + size_of(self.headers)


def size_of(headers: Headers) -> int:
    """Bytes of the names and values of headers, near enough: a name's letters count as one byte each."""
    return sum(len(name) + len(value or b"") for name, value in headers)


def encode_listing(event: ListingEvent) -> bytes:
    """A listing event as the JSON that `decode_listing` reads."""
    return event.model_dump_json(exclude_defaults=True, exclude={"event"}, by_alias=True).encode()


def decode_listing(record: Record) -> ListingEvent:
    """The event in `record`; raises BadMessage (deserialize, schema, key-mismatch)."""
    key = (record.key or b"").decode("utf-8", errors="replace")
    if record.value is None:
        return _removal(record, key)
    try:
        event = ListingEvent.model_validate_json(record.value)
    except Exception as error:  # noqa: BLE001 - whatever the parser raises, the record alone is bad
        raise bad_record(error) from None
    if event.listing_id != key:
        raise BadMessage("key-mismatch", f"the key is {key[:200]!r}, the listing_id {event.listing_id!r}")
    return event


def _removal(record: Record, key: str) -> ListingEvent:
    """A null value removes the listing; its version can only come from the header, never from a clock."""
    if name := unreadable(record.headers):
        raise BadMessage(
            "deserialize",
            f"a null value must carry the header version; the header name {name[:200]} "
            "is not UTF-8, and no header can be read",
        )
    # Up to a NUL, as librdkafka's clients read a name.
    text = {name.partition("\0")[0]: value for name, value in record.headers}.get("version") or b""
    if not _NUMBER.fullmatch(text):
        shown = text[:50].decode(errors="replace")
        raise BadMessage("schema", f"a null value must carry the header version, an integer; it has {shown!r}")
    try:
        return ListingEvent(listing_id=key, version=int(text), status="removed")
    except ValidationError as error:
        raise bad_record(error) from None


def why_invalid(error: ValidationError) -> str:
    """The first thing that is wrong, in one line that names the field, and how many more there are."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {first['msg']}{more}" if where else f"{first['msg']}{more}"


def bad_record(error: Exception) -> BadMessage:
    """What a record that made the parser raise `error` ends as."""
    if not isinstance(error, ValidationError):
        return BadMessage("deserialize", f"it can't be parsed: {type(error).__name__}: {error}"[:1_000])
    kind = error.errors(include_url=False, include_input=False)[0]["type"]
    return BadMessage("deserialize" if kind == "json_invalid" else "schema", why_invalid(error))
