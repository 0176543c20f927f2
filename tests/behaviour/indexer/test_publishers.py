"""Publishers of every kind: whatever a Kafka client may send, the worker reads."""

import json

import pytest
from confluent_kafka import Producer

from catalogue import Catalogue, dumped
from streams.clients import client_config
from streams.topics import LISTING_PARTITIONS, UPDATED

pytestmark = pytest.mark.usefixtures("worker")


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_compression(shop: Catalogue, codec: str) -> None:
    """Records of each codec that Kafka knows are read, a batch at a time."""
    plain = Producer({"bootstrap.servers": shop.settings.kafka, "compression.type": codec, "linger.ms": 50})
    events = [shop.event(shop.new_id(), 1, title="red " * 100, image_urls=[shop.picture(60)]) for _ in range(20)]
    for event in events:
        plain.produce(shop.settings.named(UPDATED), dumped(event), event["listing_id"])
    assert plain.flush(30) == 0
    shop.at_rest()
    known = shop.known_all([event["listing_id"] for event in events])
    assert all(each.row for each in known.values())


def test_aborted_messages_are_never_indexed(shop: Catalogue) -> None:
    """What a transactional publisher aborted was never said, and its markers at the end of the log are no lag."""
    publisher = Producer(client_config(shop.settings, transactional_id=shop.settings.named("publisher")))
    publisher.init_transactions(30)
    aborted = shop.event(shop.new_id(), 1, title="aborted", image_urls=[shop.picture(61)])
    kept = shop.event(shop.new_id(), 1, title="kept", image_urls=[shop.picture(61)])
    for event, end in ((aborted, publisher.abort_transaction), (kept, publisher.commit_transaction)):
        publisher.begin_transaction()
        publisher.produce(shop.settings.named(UPDATED), dumped(event), event["listing_id"], partition=2)
        publisher.flush(30)
        end(30)
    shop.at_rest()
    known = shop.known_all([aborted["listing_id"], kept["listing_id"]])
    assert known[aborted["listing_id"]].row is None
    assert known[kept["listing_id"]].row is not None
    told = {outcome.listing_id for group in shop.outcomes().values() for outcome in group}
    assert aborted["listing_id"] not in told


def java_partition(key: bytes, partitions: int) -> int:
    """Where Java's default partitioner puts `key`: Kafka's `Utils.toPositive(Utils.murmur2(key)) % partitions`."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    digest = (0x9747B28C ^ len(key)) & mask
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        digest = (digest * multiplier & mask) ^ word
    if key[whole:]:
        digest = (digest ^ int.from_bytes(key[whole:], "little")) * multiplier & mask
    digest = (digest ^ digest >> 13) * multiplier & mask
    digest ^= digest >> 15
    return (digest & 0x7FFFFFFF) % partitions


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536), ("abc", 479470107)],
)
def test_java_formula(key: str, murmur2: int) -> None:
    """The formula gives what Kafka's own tests (`UtilsTest.testMurmur2`) state."""
    assert java_partition(key.encode(), 2**31) == murmur2 & 0x7FFFFFFF


def test_our_producer_places_keys_as_java_does(shop: Catalogue) -> None:
    """So a listing has one owner, whichever client published it."""
    keys = [f"listing-{number}" for number in range(200)]
    gone = [(UPDATED, key, json.dumps({"listing_id": key, "version": 1, "status": "removed"}).encode()) for key in keys]
    sources = shop.send_all([(*each, (), {}) for each in gone])
    assert [each.partition for each in sources] == [java_partition(key.encode(), LISTING_PARTITIONS) for key in keys]
    shop.outcomes_of(sources)
