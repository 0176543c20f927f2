"""What may not be shown: the set of takedowns and erasures, from plain records; and the key of its hashes."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from schemas.source import Source
from schemas.takedown import KeyPin, Kind, Takedown
from streams.errors import LookalikeError, UsageError
from streams.keyed_hash import HashKey, key_file, read_hash_key
from streams.listing_codec import Record
from streams.settings import Settings
from streams.takedowns import Takedowns

AT = datetime(2026, 11, 23, tzinfo=UTC)
KEY = HashKey("a key that nobody else has")


def source(timestamp: int = 0) -> Source:
    """A place in the topic."""
    return Source(topic="listing-takedown", partition=0, offset=0, timestamp=timestamp)


def entry(kind: Kind, value: str, **more: object) -> Takedown:
    """An entry."""
    return Takedown.model_validate({"kind": kind, "value": value, "at": AT, **more})


def record(key: str, value: bytes | None, timestamp: int = 0) -> Record:
    """A record of the topic."""
    return Record(source(timestamp), key.encode(), value)


def of(*entries: Takedown) -> Takedowns:
    """The set of these entries."""
    made = Takedowns(lambda: KEY)
    for each in entries:
        made.apply(record(each.key, each.model_dump_json().encode()))
    return made


def test_what_is_covered() -> None:
    """A listing by itself, with its seller, or with its picture; an absent seller or picture covers nothing."""
    hidden = of(entry("listing", "m1"), entry("seller", "u1"), entry("image", "h1"))
    assert [hidden.covers(*each) for each in (("m1",), ("m2", "u1"), ("m2", "", "h1"))] == [True] * 3
    assert [hidden.covers(*each) for each in (("u1",), ("m2", "m1"), ("m2", "u2", "u1"), ("m2", "", ""))] == [False] * 4


def test_undone() -> None:
    """A null in its place; the others stay."""
    hidden = of(entry("listing", "m1"), entry("listing", "m2"))
    assert hidden.apply(record("listing:m1", None)) is None
    assert (hidden.covers("m1"), hidden.covers("m2")) == (False, True)


def test_an_entry_that_cannot_be_read_covers_all_the_same() -> None:
    """Its key says what it is about; only a key that says nothing is passed over."""
    hidden = of()
    for value in (b"{", b'{"kind": "seller", "value": "other", "at": "2026-11-23T00:00:00Z"}'):
        assert hidden.apply(record("seller:u1", value)) is not None
        assert hidden.covers("m1", "u1")
    for key in ("seller:", "nothing:u1", ""):
        assert hidden.apply(record(key, b"{}")) is None
    assert hidden.count == 1


def test_ids_with_colons_stay_apart() -> None:
    """`listing:seller:u1` is a listing."""
    assert not of(entry("listing", "seller:u1")).covers("m1", "u1")


def test_erased() -> None:
    """By keyed hash, up to its version: the id is nowhere in the entry, and a higher version is a new listing."""
    erased = entry("erased", KEY.of("m1"), version=5, key_id=KEY.key_id)
    hidden = of(erased)
    assert "m1" not in erased.model_dump_json()
    assert [hidden.is_erased("m1", version) for version in (4, 5, 6)] == [True, True, False]
    assert not hidden.is_erased("m2", 1)
    assert not hidden.covers("m1")
    before, after = int(AT.timestamp() * 1_000), int(AT.timestamp() * 1_000) + 1
    assert hidden.erased_record(Record(source(before), b"m1", b"not json"))
    assert not hidden.erased_record(Record(source(after), b"m1", b"not json"))


def test_an_erasure_that_cannot_be_read_refuses_all_versions() -> None:
    """Rather that than bring something back."""
    hidden = of()
    hidden.apply(record(f"erased:{KEY.of('m1')}", b"?"))
    assert hidden.is_erased("m1", 2**63 - 1)


def test_another_key_is_no_key() -> None:
    """Who has another hash key would miss what was erased: it ends with the remedy, and names neither key."""
    with pytest.raises(UsageError, match="LOOKALIKE_HASH_KEY") as failure:
        of(entry("erased", "0" * 64, version=5, key_id=HashKey("something else entirely").key_id))
    assert "nobody else has" not in str(failure.value)


def pin(key: HashKey) -> Record:
    """The entry that says which key is the catalogue's."""
    return record("hash-key", KeyPin(key_id=key.key_id, at=AT).model_dump_json().encode())


def test_an_erasure_with_another_key_than_the_pinned_one() -> None:
    """It is in nobody's way: counted, not applied; what the catalogue's own key erased stays erased."""
    other = HashKey("something else entirely")
    hidden = Takedowns(lambda: KEY)
    hidden.apply(pin(KEY))
    for key in (KEY, other):
        each = entry("erased", key.of("m1" if key is KEY else "m2"), version=5, key_id=key.key_id)
        hidden.apply(record(each.key, each.model_dump_json().encode()))
    assert (hidden.is_erased("m1", 5), hidden.is_erased("m2", 5), hidden.unread, hidden.count) == (True, False, 1, 1)
    hidden.apply(record(f"erased:{other.of('m2')}", None))
    assert hidden.unread == 0


def test_without_a_pin_the_first_erasure_says_which_key_it_is() -> None:
    """As logs are that were written before there were pins; one of another key after it is passed over."""
    hidden = of(
        entry("erased", KEY.of("m1"), version=5, key_id=KEY.key_id),
        entry("erased", "0" * 64, version=5, key_id=HashKey("something else entirely").key_id),
    )
    assert (hidden.is_erased("m1", 5), hidden.unread, hidden.key_id) == (True, 1, KEY.key_id)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hash-key", b"{"),
        ("hash-key", b'{"key_id": "?", "at": "2026-11-25T00:00:00Z"}'),
        ("", b"{}"),
        ("colour:red", b"{}"),
        ("erased:" + "0" * 64, b"\xff"),
        ("seller:u1", b'{"version": "later"}'),
        ("listing:m1", b'{"kind": "listing", "value": "m1", "at": "9e9", "version": -1}'),
    ],
)
def test_garbage_is_counted_and_stops_nobody(key: str, value: bytes) -> None:
    """Whatever comes: an entry that can't be read is no reason to end, and a later good one takes its place."""
    hidden = Takedowns(lambda: KEY)
    hidden.apply(pin(KEY))
    hidden.apply(record(key, value))
    assert (hidden.unread, hidden.key_id) == (1, KEY.key_id)
    hidden.apply(pin(KEY) if key == "hash-key" else record(key, None))
    assert hidden.unread == 0


def test_the_key_file(tmp_path: Path) -> None:
    """Made once, for its owner alone; the setting wins, a short one is refused, and none is an error."""
    settings = Settings(data=tmp_path)
    with pytest.raises(LookalikeError, match="LOOKALIKE_HASH_KEY is not set"):
        read_hash_key(settings)
    made = read_hash_key(settings, make=True)
    assert read_hash_key(settings, make=True).key_id == read_hash_key(settings).key_id == made.key_id
    assert stat.S_IMODE(key_file(settings).stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["hash.key"]
    given = settings.model_copy(update={"hash_key": SecretStr("another key of ours")})
    assert read_hash_key(given).key_id == HashKey("another key of ours").key_id != made.key_id
    assert "another key" not in repr(given)
    with pytest.raises(LookalikeError, match="could be guessed"):
        read_hash_key(settings.model_copy(update={"hash_key": SecretStr("short")}))


def test_the_hash_is_hmac_sha256() -> None:
    """So that another program with the key can check a receipt."""
    import hashlib
    import hmac

    assert HashKey("k" * 16).of("m1") == hmac.new(b"k" * 16, b"m1", hashlib.sha256).hexdigest()


def test_news_are_what_was_not_there_before() -> None:
    """When the topic is read again from its start, what was known before is no news, and what is gone is gone."""
    hidden = of(entry("listing", "m1"), entry("listing", "m2"))
    news = hidden.take_over(of(entry("listing", "m2"), entry("listing", "m3")))
    assert [each.value for each in news] == ["m3"]
    assert [hidden.covers(each) for each in ("m1", "m2", "m3")] == [False, True, True]
    assert json.loads(entry("listing", "m1").model_dump_json())["kind"] == "listing"


def test_garbage_does_not_flood_the_log() -> None:
    """Every command reads the topic whole: of a thousand entries that can't be read six are named, with counts."""
    hidden = of()
    with capture_logs() as lines:
        for number in range(1_000):
            hidden.apply(record(f"nothing:{number}", b"?"))
    assert hidden.unread == 1_000
    assert [each["count"] for each in lines] == [1, 2, 3, 10, 100, 1_000]
