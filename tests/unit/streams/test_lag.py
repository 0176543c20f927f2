"""Lag and what it is made of; what a group has committed, asked of a broker that is still starting."""

from pathlib import Path
from typing import cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.source import Source
from streams.lag import PartitionLag, TotalLag, _committed, shares, total_lag
from streams.listing_codec import Record
from streams.retry_headers import RetryState, event_of, requeue_headers
from streams.stale_groups import STALE_SECONDS, GroupActivity, stale_groups
from workers.evaluator.kafka import oldest_due_age
from workers.indexer import metrics
from workers.indexer.backlog import show_lag

ROOT = Path(__file__).parents[3]
PLACES = [TopicPartition("t", 0), TopicPartition("t", 1)]


class Starting:
    """A broker whose group coordinator comes after some answers; no real one can be held in that state."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)

    def committed(self, places: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        """As the consumer's."""
        assert timeout > 0
        if self.errors:
            raise KafkaException(KafkaError(self.errors.pop(0)))
        return [TopicPartition(each.topic, each.partition, 7) for each in places]


def asked(broker: Starting, seconds: float = 15.0) -> list[int]:
    """The offsets."""
    return [each.offset for each in _committed(cast("Consumer", broker), PLACES, seconds)]


def test_a_coordinator_that_comes() -> None:
    """Is waited for."""
    assert asked(Starting(KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR)) == [7, 7]


@pytest.mark.parametrize(
    ("errors", "seconds"),
    [([KafkaError.GROUP_AUTHORIZATION_FAILED], 15), ([KafkaError.COORDINATOR_NOT_AVAILABLE] * 9, 0.3)],
)
def test_what_waiting_does_not_mend(errors: list[int], seconds: float) -> None:
    """Another failure is told at once, and one that lasts in the end."""
    with pytest.raises(KafkaException):
        asked(Starting(*errors), seconds)


def test_nobody_asks_the_admin_client() -> None:
    """It dies of a null pointer where the coordinator is still loading, now and then: no test can wait for that."""
    asking = [
        str(path)
        for part in ("streams", "workers")
        for path in (ROOT / part).rglob("*.py")
        if "list_consumer_group_offsets" in path.read_text(encoding="utf-8")
    ]
    assert asking == []


@pytest.mark.parametrize(
    ("behind", "ahead", "waiting", "expected"),
    [
        (0, 0, 0, (0, 0)),
        (7, 0, 0, (0, 7)),
        (7, 0, 7, (7, 0)),
        (1_000, 600, 300, (300, 100)),
        (10, 8, 5, (2, 0)),
        (10, 12, 3, (0, 0)),  # what was read a moment later than the rest
    ],
)
def test_what_lag_is_made_of(behind: int, ahead: int, waiting: int, expected: tuple[int, int]) -> None:
    """What waits, what is due and what is finished are the whole, and none is below 0."""
    assert shares(behind, ahead, waiting) == expected
    assert all(each >= 0 for each in expected)
    assert sum(expected) + min(ahead, behind) == behind


def test_stale_groups_are_in_no_total() -> None:
    """Their lag is nobody's work."""
    used, left = (
        PartitionLag("a", "t", 0, 1, 9, 8, 3.0, 5, 2),
        PartitionLag("b", "t", 0, 1, 9, 8, 3.0, 5, 3, stale=True),
    )
    assert total_lag([used, left, used]) == TotalLag(16, 10, 4)


NOW = 1_800_000_000.0
LONG_AGO, LATELY = (round(1_000 * (NOW - STALE_SECONDS + offset)) for offset in (-1, 1))


@pytest.mark.parametrize(
    ("signs", "stale"),
    [
        ({"old": GroupActivity(0, LONG_AGO), "new": GroupActivity(1, LATELY)}, {"old"}),
        ({"old": GroupActivity(0, 0), "new": GroupActivity(0, LATELY)}, {"old"}),
        ({"old": GroupActivity(0, LATELY), "new": GroupActivity(1, LATELY)}, set()),
        ({"old": GroupActivity(1, LONG_AGO), "new": GroupActivity(1, LATELY)}, set()),
        ({"old": GroupActivity(0, LONG_AGO), "new": GroupActivity(0, LONG_AGO)}, set()),
        ({"only": GroupActivity(0, 0)}, set()),
    ],
)
def test_stale(signs: dict[str, GroupActivity], stale: set[str]) -> None:
    """Nobody has been in it for a day while another is in use; where none is, the workers are down."""
    assert stale_groups(signs, NOW) == stale


def test_copies_are_one_event() -> None:
    """What a restart put back twice waits once, whatever was said of it each time; other bytes are another event."""
    first = Record(Source(topic="listing-updated", partition=3, offset=7, timestamp=8), b"m1", b"{}")

    def again(offset: int, said: RetryState, value: bytes = b"{}") -> Record:
        source = Source(topic="listing-retry", partition=3, offset=offset, timestamp=9)
        return Record(source, b"m1", value, tuple(requeue_headers(first, said)))

    one = event_of(again(1, RetryState(tries=1, not_before=5)))
    assert one == event_of(again(2, RetryState(tries=2, not_before=6)))
    assert one != event_of(again(2, RetryState(tries=2), b"[]"))
    assert one != event_of(again(2, RetryState(refetch=True)))


def test_the_index_lags_where_something_is_due() -> None:
    """An event that waits for its image host for hours, or a group of an earlier model, is no index that lags."""
    waits, due = PartitionLag("a", "t", 0, 1, 9, 8, 9_000.0, 8, 0), PartitionLag("a", "t", 1, 1, 9, 8, 30.0, 0, 8)
    left = PartitionLag("b", "t", 0, 1, 9, 8, 9_000.0, 0, 8, stale=True)
    assert oldest_due_age([waits, due, left]) == 30.0
    assert oldest_due_age([waits, left]) == 0.0
    assert oldest_due_age([left]) is None


def test_a_lag_that_is_not_known_has_no_figure() -> None:
    """The metrics are of the partitions that were asked for last, and none where Kafka did not answer."""
    show_lag([PartitionLag("a", "t", 0, 1, 9, 8, 9.0, 5, 2), PartitionLag("a", "t", 1, 1, 9, 8, 9.0, 0, 8)])
    assert figures() == {("t", "0"): (2, 5), ("t", "1"): (8, 0)}
    show_lag([PartitionLag("a", "t", 1, 1, 9, 8, 9.0, 1, 7)])
    assert figures() == {("t", "1"): (7, 1)}
    show_lag([])
    assert figures() == {}


def figures() -> dict[tuple[str, str], tuple[float, ...]]:
    """What is due and what waits, by topic and partition, as Prometheus reads it."""
    found: dict[tuple[str, str], tuple[float, ...]] = {}
    for gauge in (metrics.LAG_DUE, metrics.LAG_WAITING):
        for sample in next(iter(gauge.collect())).samples:
            place = (sample.labels["topic"], sample.labels["partition"])
            found[place] = (*found.get(place, ()), sample.value)
    return found
