"""Records that Kafka takes and clients choke on: each ends as an event or a dead letter, and nothing stops at them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from awaiting import eventually
from catalogue import Catalogue, catalogue, dumped
from program import document, failed, index_worker, run
from raw_producer import BAD, Raw, send_raw
from schemas.source import Source
from streams.dead_letters import parse_dead_letter, place_of
from streams.record_headers import name_of
from streams.retry_headers import first_source, publisher_headers
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import CREATED, DEAD_LETTER, INDEXED, RETRY, TAKEDOWN, UPDATED

UNREADABLE = ((b"trace", b"0"), BAD, (b"reason", None), (b"\xed\xa0\x80", b"\xff"))
RESTORED = (("trace", b"0"), (name_of(BAD[0]), b"1"), ("reason", None), (name_of(b"\xed\xa0\x80"), b"\xff"))
FORBIDDEN = (("a", b"1"), ("a", None), ("", b""), ("n" * 30_000, b"x"), ("error", b"mine"), ("model", b"mine"))


def of(shop: Catalogue, listing: str, **more: Any) -> bytes:
    """A good listing event."""
    return dumped(shop.event(listing, 1, image_urls=[shop.picture(31)], **more))


@pytest.mark.usefixtures("worker")
class TestIndexWorker:
    """Which must live through all of it."""

    def test_a_header_name_that_is_not_utf8(self, shop: Catalogue) -> None:
        """The listing is indexed, with what is before and after it; where a header decides, it is a dead letter.

        The dead letter has every header as it came, and so has the event after a replay. `explain` and `audit` see the
        same.
        """
        good, after, bad, removal = (shop.new_id() for _ in range(4))
        sources = send_raw(
            shop.settings,
            [
                Raw(UPDATED, good.encode(), of(shop, good), UNREADABLE),
                Raw(UPDATED, after.encode(), of(shop, after)),
                Raw(CREATED, bad.encode(), b"\xff{", UNREADABLE),
                Raw(UPDATED, removal.encode(), None, (*UNREADABLE, (b"version", b"7"))),
            ],
        )
        assert [each.outcome for each in shop.outcomes_of(sources[:2])] == ["indexed", "indexed"]
        letter, record = shop.letter_of(sources[2])
        assert (letter.reason, record.value) == ("deserialize", b"\xff{")
        found = parse_dead_letter(record)
        assert found is not None
        assert found.event.headers == RESTORED
        assert found.value_hash == hashlib.sha256(b"\xff{").hexdigest()
        assert r"tr\xff is not UTF-8" in shop.letter_of(sources[3])[0].error
        told = document(run(shop.settings, "dead-letters", "replay", place_of(sources[2]), "--json"))
        assert told["replayed"] == 1
        copy = eventually(lambda: self.copies(shop, sources[2]), "the event in listing-retry")
        assert tuple(publisher_headers(copy[0])) == RESTORED
        eventually(lambda: len(shop.letters()[place(sources[2])]) == 2, "the dead letter of the replayed event")
        assert parse_dead_letter(shop.letters()[place(sources[2])][1][1]).event.headers == RESTORED  # type: ignore[union-attr]
        shown = document(run(shop.settings, "dead-letters", "show", place_of(sources[2]), "--json"))
        assert [each["name"] for each in shown["headers"]] == ["trace", r"tr\xff", "reason", r"\xed\xa0\x80"]
        shop.at_rest()
        explained = document(run(shop.settings, "explain", good, "--json"))
        assert explained["outcome"] == "indexed"
        audited = document(run(shop.settings, "audit", "--json"))
        assert [audited[each] for each in ("missing", "phantom", "stale")] == [0, 0, 0]

    @staticmethod
    def copies(shop: Catalogue, source: Source) -> list[Any]:
        return [each for each in read_all(shop.settings, RETRY) if place(first_source(each)) == place(source)]

    def test_anything_else_that_kafka_takes(self, shop: Catalogue) -> None:
        """Keys, timestamps, header counts and texts that nobody would write by hand."""
        ids = [shop.new_id() for _ in range(9)]
        key = [each.encode() for each in ids]
        many = tuple((b"h%d" % number, b"") for number in range(10_000))
        good = [
            Raw(UPDATED, key[0], of(shop, ids[0]), timestamp=-1),
            Raw(UPDATED, key[1], of(shop, ids[1]), many),
            Raw(UPDATED, key[2], of(shop, ids[2]), timestamp=-(2**62)),
            Raw(UPDATED, key[3], of(shop, ids[3]), timestamp=0),
            Raw(UPDATED, key[4], of(shop, ids[4], occurred_at="9999-12-31T23:59:59-23:59")),
            Raw(UPDATED, key[5], of(shop, ids[5], occurred_at="0001-01-01T00:00:00+23:59")),
            Raw(UPDATED, key[6], of(shop, ids[6]), tuple((name.encode(), value) for name, value in FORBIDDEN)),
            Raw(UPDATED, key[7], of(shop, ids[7], title="a\0b", attributes={"a": None, "b": "\0"})),
        ]
        whole = of(shop, ids[8])[:-1]
        bad = [
            Raw(RETRY, None, of(shop, ids[8])),
            Raw(UPDATED, b"", of(shop, ids[8])),
            Raw(UPDATED, b"\xff", b"\xff"),
            Raw(UPDATED, b"k" * 900_000, of(shop, ids[8])),
            Raw(RETRY, None, b""),
            Raw(UPDATED, key[8], b""),
            Raw(UPDATED, key[8], b"[" * 100_000),
            Raw(UPDATED, key[8], whole + b',"x":' + b"9" * 5_000 + b"}"),
            Raw(UPDATED, key[8], whole + b',"brand":"\\ud800"}'),
            Raw(UPDATED, key[8], whole + b',"price_minor":NaN}'),
            Raw(UPDATED, key[8], None, ((b"version", b"9" * 5_000),)),
            Raw(UPDATED, key[8], None, ((b"version", None),)),
            Raw(RETRY, key[8], None, ((b"version", b"1"), BAD), -(2**62)),
            Raw(RETRY, key[8], b"{", ((b"source-topic", b"x"), (b"source-offset", b"9" * 400), (b"tries", b"-1"))),
        ]
        sources = send_raw(shop.settings, good + bad)
        assert {each.outcome for each in shop.outcomes_of(sources[: len(good)])} == {"indexed"}
        for source, raw in zip(sources[len(good) :], bad, strict=True):
            _, record = shop.letter_of(source)
            assert (record.key, record.value) == (raw.key, raw.value)


def place(source: Source) -> tuple[str, int, int]:
    return (source.topic, source.partition, source.offset)


def test_what_others_write_to_our_topics(stack: Settings, tmp_path: Path) -> None:
    """A worker that starts on such logs, and each command that reads them, go on."""
    with catalogue(stack, tmp_path) as shop:
        listing = shop.new_id()
        value = of(shop, listing)
        odd = [
            b"",
            b"\xff",
            b"[" * 5_000,
            json.dumps({"kind": "listing", "value": "x", "at": "2026-01-01T00:00"}).encode(),
        ]
        send_raw(
            shop.settings,
            [
                *(
                    Raw(TAKEDOWN, key, each, UNREADABLE, -5)
                    for each in odd
                    for key in (b"listing:x", b"\xff", b"", b"erased:", b"image:" + b"i" * 5_000)
                ),
                *(
                    Raw(topic, listing.encode(), each, UNREADABLE, -5)
                    for topic in (INDEXED, DEAD_LETTER)
                    for each in odd
                ),
            ],
        )
        source = send_raw(shop.settings, [Raw(UPDATED, listing.encode(), value, UNREADABLE, -1)])[0]
        with index_worker(shop.settings, "--device", "cpu") as running:
            eventually(lambda: shop.known(listing).row is not None, "the row")
            assert shop.known(listing).row["source"]["offset"] == source.offset  # type: ignore[index]
            shop.at_rest()
            for command in (
                ("audit",),
                ("explain", listing),
                ("status",),
                ("lag",),
                ("dead-letters", "list"),
                ("takedown", "--list"),
                ("neighbors", listing),
            ):
                ended = run(shop.settings, *command, "--json")
                assert ended.returncode == 0, (command, ended.stderr)
            assert running.terminate() == 0, running.log()


def test_stepped_over_by_hand(stack: Settings, tmp_path: Path) -> None:
    """`--skip`: a dead letter, raw, that can be replayed; the rest goes on, and a restart with it does no harm."""
    with catalogue(stack, tmp_path) as shop:
        before, poison, after = (shop.new_id() for _ in range(3))
        sources = send_raw(
            shop.settings, [Raw(UPDATED, each.encode(), of(shop, each), (BAD,)) for each in (before, poison, after)]
        )
        skip = ("--skip", place_of(sources[1]), "--skip", f"{sources[1].topic}:0:999999")
        with index_worker(shop.settings, "--device", "cpu", *skip) as running:
            outcomes = shop.outcomes_of([sources[0], sources[2]])
            assert [each.outcome for each in outcomes] == ["indexed", "indexed"]
            letter, record = shop.letter_of(sources[1])
            assert (letter.reason, record.key, record.value) == ("skipped", poison.encode(), of(shop, poison))
            shop.at_rest()
            assert running.terminate() == 0, running.log()
        with index_worker(shop.settings, "--device", "cpu", *skip):
            assert (
                document(run(shop.settings, "dead-letters", "replay", "--reason", "skipped", "--json"))["replayed"] == 1
            )
            eventually(lambda: shop.known(poison).row is not None, "the replayed event is indexed")
        assert len(shop.letters()[place(sources[1])]) == 1
        assert failed(run(shop.settings, "worker", "index", "--skip", "listing-updated:0"), 2)
