"""When the messages of many are bad, the worker ends, before a letter too many; those of one party end nobody."""

import itertools

import pytest

from changes import change, received
from schemas.source import Source
from streams.errors import BadMessage, Broken
from streams.keyed_hash import HashKey
from streams.listing_codec import Record
from streams.settings import Settings
from streams.takedowns import Takedowns
from workers.indexer.reporter import Reporter
from workers.process.dead_letter_limit import DeadLetterLimit
from workers.process.failure_policy import FailurePolicy
from workers.process.parties import Party, party_of

ENDINGS = FailurePolicy(max_consecutive_dead_letters=5, max_dead_letter_ratio=0.5, dead_letter_window=20)


_sellers = (f"seller {number}" for number in itertools.count(1))


def letters(
    limit: DeadLetterLimit, count: int, reason: str = "schema", *, sellers: int | None = None, sites: int | None = None
) -> int:
    """How many of `count` letters may be sent; in turn of so many sellers and sites, or each of one of its own."""
    sent = 0
    for number in range(count):
        sender = next(_sellers) if sellers is None else f"seller {number % sellers}"
        site = "" if sites is None else f"site{number % sites}.example"
        try:
            limit.bad(reason, "wrong", Party(sender, site))
        except Broken:
            continue
        sent += 1
    return sent


def test_a_run_of_letters() -> None:
    """The last of them is not sent, nor any after it: also not after a good end elsewhere."""
    limit = DeadLetterLimit(ENDINGS)
    assert letters(limit, 100) == 4
    limit.good("read")
    assert letters(limit, 1) == 0


def test_a_good_end_between_them() -> None:
    """Begins the run anew."""
    limit = DeadLetterLimit(FailurePolicy(max_consecutive_dead_letters=5, max_dead_letter_ratio=0))
    for _ in range(50):
        assert letters(limit, 4) == 4
        limit.good("read")


def test_half_of_all() -> None:
    """Counted over the last events; fewer than half of a whole window are never too many."""
    limit = DeadLetterLimit(ENDINGS)
    sent = 0
    for _ in range(100):
        sent += letters(limit, 1)
        limit.good("read")
    assert sent == 9
    rarer = DeadLetterLimit(ENDINGS)
    for _ in range(100):
        assert letters(rarer, 1) == 1
        rarer.good("read")
        rarer.good("read")


@pytest.mark.parametrize("reason", ["image-missing", "fetch-exhausted"])
def test_what_other_servers_say(reason: str) -> None:
    """Is no sign that we are broken: it counts neither way."""
    limit = DeadLetterLimit(ENDINGS)
    assert letters(limit, 1_000, reason) == 1_000
    assert letters(limit, 4) == 4
    assert letters(limit, 10, reason) == 10
    assert letters(limit, 1) == 0


def test_without_limits() -> None:
    """An operator who knows better may let all pass."""
    assert (
        letters(DeadLetterLimit(FailurePolicy(max_consecutive_dead_letters=0, max_dead_letter_ratio=0)), 2_000) == 2_000
    )


def test_the_sentence() -> None:
    """Says what happened, what the last one was, and what to do."""
    limit = DeadLetterLimit(FailurePolicy(max_consecutive_dead_letters=1))
    with pytest.raises(Broken) as broken:
        limit.bad("schema", "wrong", Party("seller u1"))
    for words in ("1 events in a row", "schema (wrong)", "lookalike dead-letters list", "--letters-in-a-row 0"):
        assert words in str(broken.value)


def test_what_was_read_speaks_before_it_is_done() -> None:
    """After an outage all that could be read waits to be written, while what could not is lettered at once."""
    limit = DeadLetterLimit(FailurePolicy(max_consecutive_dead_letters=5, max_dead_letter_ratio=0))
    for _ in range(50):
        assert letters(limit, 4) == 4
        limit.good("read")
    assert letters(limit, 4, "encode") == 4
    limit.good("read")
    assert letters(limit, 1, "encode") == 0  # that it could be read says nothing of what is done with it


def test_what_was_superseded_is_done() -> None:
    """A backlog of histories, with many old versions and some bad pictures, is no sign that we are broken."""
    settings = Settings(kafka="127.0.0.1:1")  # nobody listens: what is told waits in memory
    reporter = Reporter(settings, "m@0", Takedowns(lambda: HashKey("k")), ENDINGS)
    for number in range(100):
        superseded = change(version=number, offset=number)
        reporter.outcome(superseded, "superseded")
        reporter.dead_letter(received({"listing_id": f"m{number}"}, offset=number), BadMessage("encode", "wrong"))
        reporter.outcome(superseded, "superseded")


BAD = "image-undecodable"
WIDE = FailurePolicy()
"""As they are without options: 100 in a row, half of 400."""


def test_one_seller_ends_nobody() -> None:
    """Whatever number of bad listings one seller, or nine of them, publish, and at however many sites."""
    for sellers in (1, 9):
        for sites in (None, 1, 3_000):
            assert letters(DeadLetterLimit(WIDE), 3_000, BAD, sellers=sellers, sites=sites) == 3_000
    limit = DeadLetterLimit(WIDE)
    for _ in range(300):  # among the good listings of others
        assert letters(limit, 9, BAD, sellers=1) == 9
        limit.good("done", "shop.example")


def test_many_sellers_end_it() -> None:
    """Ten sellers with ten bad listings each are everybody, also beside one that has most of the bad ones."""
    assert letters(DeadLetterLimit(WIDE), 200, BAD, sellers=10) == 99
    limit = DeadLetterLimit(WIDE)
    assert letters(limit, 5_000, sellers=1) == 5_000
    assert letters(limit, 200) == 89
    limit = DeadLetterLimit(WIDE)
    for _ in range(11):  # no ten in a row of the same seller, and never a hundred in a row of all
        assert letters(limit, 18, BAD, sellers=18) == 18
        limit.good("done", "shop.example")
        limit.good("done", "shop.example")
    assert letters(limit, 18, BAD, sellers=18) < 18


def test_one_site_beside_good_ones_ends_nobody() -> None:
    """Accounts are made at will: many sellers with pictures at one site, or nine, while another site's are good."""
    for sites in (1, 9):
        limit = DeadLetterLimit(WIDE)
        for _ in range(20):
            limit.good("done", "shop.example")
            assert letters(limit, 150, BAD, sites=sites) == 150
    limit.good("done", "shop.example")
    assert letters(limit, 200, BAD, sites=10) < 200


def test_one_site_that_is_all_there_is() -> None:
    """A marketplace has its pictures at one site: if none can be decoded any more, everything is bad."""
    assert letters(DeadLetterLimit(WIDE), 200, BAD, sites=1) == 99
    limit = DeadLetterLimit(WIDE)
    for _ in range(400):
        limit.good("done", "site0.example")
    assert letters(limit, 200, BAD, sites=1) == 99


def test_what_another_site_was_is_forgotten() -> None:
    """What has not been good among the last 400 ends does not keep a worker from ending."""
    limit = DeadLetterLimit(WIDE)
    limit.good("done", "other.example")
    sent = letters(limit, 1_000, BAD, sites=1)
    assert 100 <= sent <= 400


def test_whose_a_record_is() -> None:
    """Its seller's if that can be read of it, in whatever else it is wrong; else its key's; its site, of a picture."""
    event = {"listing_id": "m1", "seller_id": "u1", "version": 1}
    assert party_of(received(event).record, "schema") == Party("seller_id u1")
    assert party_of(received({"listing_id": "m1", "seller_id": 7}).record, "schema") == Party("key m1")
    assert party_of(received({"listing_id": "m1", "seller_id": ""}).record, "schema") == Party("key m1")
    places = {
        party_of(Record(Source(topic="t", partition=0, offset=offset), None, value), "deserialize")
        for offset, value in enumerate((b"{", b"\xff", b"[" * 100_000, None, b"", b"9" * 5_000, b"[1]"))
    }
    assert len(places) == 7
    read = change(image_urls=["ftp://img7.someone.example.com/a.gif"])
    assert party_of(read.received.record, BAD, read.event) == Party("key m1", "example.com")
    assert party_of(read.received.record, "row-rejected", read.event) == Party("key m1")
