"""Header names: whatever a client sent, kept beside headers of ours and restored byte for byte.

Kafka takes any bytes for a header's name. confluent-kafka can't read a name that is not UTF-8, ends the process (a
segmentation fault) when it is to write one, and cuts a name at a NUL. In a `Record` the bytes that are not UTF-8 are
lone surrogates (`surrogateescape`); on the wire such a name, or one that we use ourselves, is quoted under `PREFIX`.
"""

from collections.abc import Collection, Iterable
from urllib.parse import quote_from_bytes, unquote_to_bytes

Headers = Iterable[tuple[str, bytes | None]]
RawHeaders = list[tuple[str, bytes | None]]

PREFIX = "publisher-header:"
"""Before the name, percent-encoded, of a publisher's header whose name can't be written as it is."""


def name_of(raw: bytes) -> str:
    """A header's name as a `Record` has it.

    >>> name_of(b"caf\\xe9")
    'caf\\udce9'
    """
    return raw.decode(errors="surrogateescape")


def shown(name: str) -> str:
    """A header's name for people.

    >>> shown(name_of(b"caf\\xe9"))
    'caf\\\\xe9'
    """
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def is_text(name: str) -> bool:
    """Whether a header's name is UTF-8."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def unreadable(headers: Headers) -> str | None:
    """The first name that is not UTF-8, as it came or quoted by `pack`, for people; None if all are.

    Then no header of the record counts: librdkafka's clients can't read the others either, and all of our consumers
    must come to the same end.
    """
    return next((shown(name) for name in map(_unquoted, _names(headers)) if not is_text(name)), None)


def pack(headers: Headers, ours: Collection[str]) -> RawHeaders:
    """A publisher's headers as they are written beside `ours`; `unpack` restores them, byte for byte.

    >>> pack([("trace", b"1"), ("error", b"2"), (name_of(b"caf\\xe9"), b"3")], {"error"})
    [('trace', b'1'), ('publisher-header:error', b'2'), ('publisher-header:caf%E9', b'3')]
    """
    return [(name if _plain(name, ours) else PREFIX + _quoted(name), value) for name, value in headers]


def unpack(headers: Headers, ours: Collection[str]) -> RawHeaders:
    """The publisher's headers, without ours."""
    return [(_unquoted(name), value) for name, value in headers if name not in ours]


def _names(headers: Headers) -> Iterable[str]:
    return (name for name, _ in headers)


def _plain(name: str, ours: Collection[str]) -> bool:
    return name not in ours and "\0" not in name and not name.startswith(PREFIX) and is_text(name)


def _quoted(name: str) -> str:
    return quote_from_bytes(name.encode(errors="surrogateescape"))


def _unquoted(name: str) -> str:
    return name_of(unquote_to_bytes(name.removeprefix(PREFIX))) if name.startswith(PREFIX) else name
