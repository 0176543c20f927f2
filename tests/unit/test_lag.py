"""What a group has committed, asked of a broker that is still starting."""

from pathlib import Path
from typing import cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.lag import _committed

ROOT = Path(__file__).parents[2]
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
        str(path) for part in ("streams", "workers") for path in (ROOT / part).rglob("*.py")
        if "list_consumer_group_offsets" in path.read_text(encoding="utf-8")
    ]  # fmt: skip
    assert asking == []
