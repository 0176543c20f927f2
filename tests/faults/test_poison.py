"""Records that Kafka takes and that no client of ours can read: they cost themselves, however often workers start."""

from collections.abc import Callable

import pytest

from catalogue import now_ms
from faults.bystander import Bystander, assert_unharmed
from faults.case import Case
from faults.histories import Made
from faults.scene import Scene
from raw_producer import BAD, Raw, send_raw
from streams.topics import LISTING_PARTITIONS, LISTING_TOPICS, TAKEDOWN

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]


@pytest.mark.full
def test_header_names_that_are_not_utf8(scenes: Scenes, make_case: MakeCase) -> None:
    """In each partition of each listing topic, among good events: each is indexed, or a dead letter where it can't be
    read. No worker ends, neither at them nor when it starts behind them, and a good listing is found meanwhile."""
    scene = scenes()
    workers = scene.crew.ready(2)
    case = make_case("poison headers", scene)
    bystander = Bystander.of_case(case)
    quiet = bystander.seconds()
    case.publish(60)
    publish(case, [*good(case), *unreadable(case)])
    attacked = bystander.seconds()
    assert_unharmed(quiet, attacked)
    case.publish(60)
    case.report()
    assert all(each.running for each in workers), [each.log() for each in workers]
    case.crew.kill(workers[0])
    publish(case, [*good(case), *unreadable(case)])
    workers = scene.crew.ready(2)
    case.publish(60)
    case.note = f"quiet {quiet:.2f} s, meanwhile {attacked:.2f} s"
    case.holds()
    assert all(each.running for each in workers), [each.log() for each in workers]


def good(case: Case) -> list[tuple[Made, int]]:
    """A listing that nothing else is wrong with for each partition of each topic, and that partition."""
    return [
        (case.listing(case.path(), topic=topic), number)
        for topic in LISTING_TOPICS
        for number in range(LISTING_PARTITIONS)
    ]


def unreadable(case: Case) -> list[tuple[Made, int]]:
    """Likewise: a removal whose version is in the headers, and what is no JSON."""
    values, first = (None, b"{ not JSON"), len(case.ledger.entries)
    return [
        (Made(topic, f"{case.tag}bad{first}.{topic}.{number}".encode(), values[number % 2]), number)
        for topic in LISTING_TOPICS
        for number in range(LISTING_PARTITIONS)
    ]


def publish(case: Case, records: list[tuple[Made, int]]) -> None:
    """Each record with a header that no client reads, into its partition; and one of them that takes nothing down."""
    now = now_ms()
    headers = (BAD, (b"version", b"1"), (b"\xed\xa0\x80", None))
    raw = [Raw(made.topic, made.key, made.value, headers, now, partition) for made, partition in records]
    sources = send_raw(case.shop.settings, [*raw, Raw(TAKEDOWN, b"listing:nobody", b"\xff", headers, now)])
    for (made, _), source in zip(records, sources[:-1], strict=True):
        case.ledger.published(made, source)
