"""What a group has committed, asked of a broker that is still starting."""

from concurrent.futures import Future
from typing import Any, cast

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.lag import committed_offsets


class Starting:
    """A broker whose group coordinator comes after some answers; no real one can be held in that state."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)

    def list_consumer_group_offsets(self, _asked: list[Any]) -> dict[str, "Future[ConsumerGroupTopicPartitions]"]:
        """As the admin client's."""
        answer: Future[ConsumerGroupTopicPartitions] = Future()
        if self.errors:
            answer.set_exception(KafkaException(KafkaError(self.errors.pop(0))))
        else:
            answer.set_result(ConsumerGroupTopicPartitions("g", [TopicPartition("t", 0, 7), TopicPartition("t", 1)]))
        return {"g": answer}


def test_a_coordinator_that_comes() -> None:
    """Is waited for."""
    broker = Starting(KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR)
    assert committed_offsets(cast("AdminClient", broker), "g") == {("t", 0): 7}


@pytest.mark.parametrize(
    ("errors", "seconds"),
    [([KafkaError.GROUP_AUTHORIZATION_FAILED], 15), ([KafkaError.COORDINATOR_NOT_AVAILABLE] * 9, 0.3)],
)
def test_what_waiting_does_not_mend(errors: list[int], seconds: float) -> None:
    """Another failure is told at once, and one that lasts in the end."""
    with pytest.raises(KafkaException):
        committed_offsets(cast("AdminClient", Starting(*errors)), "g", seconds)
