"""Offsets of partitions, asked of a broker that was just started again."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.log_identity import leader_epochs
from streams.topic_reader import offsets

PLACES = [("listings", 0), ("listings", 1)]


class Broker:
    """Refuses the first questions for one partition of two, then answers."""

    def __init__(self, *refusals: int) -> None:
        self.refusals = list(refusals)

    def list_offsets(self, wanted: dict[TopicPartition, OffsetSpec], **_: Any) -> dict[TopicPartition, Future[Any]]:
        """As the admin client's: a future for each partition."""
        answers = {each: Future[Any]() for each in wanted}
        code = self.refusals.pop(0) if self.refusals else None
        for each, future in answers.items():
            if code is not None and each.partition == 1:
                future.set_exception(KafkaException(KafkaError(code)))
            else:
                future.set_result(SimpleNamespace(offset=7, leader_epoch=3))
        return answers


def client(*refusals: int) -> AdminClient:
    """The broker, where an admin client is wanted."""
    return cast("AdminClient", Broker(*refusals))


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.OFFSET_NOT_AVAILABLE,
    ],
)
def test_a_leader_that_changes_is_waited_for(code: int) -> None:
    """Whatever the partition says of it: the question is asked again, for offsets and for epochs."""
    assert offsets(client(code, code), PLACES, OffsetSpec.latest()) == dict.fromkeys(PLACES, 7)
    assert leader_epochs(client(code), PLACES) == dict.fromkeys(PLACES, 3)


def test_any_other_refusal_is_raised() -> None:
    """At once: asking again would not change it."""
    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        offsets(client(KafkaError.TOPIC_AUTHORIZATION_FAILED), PLACES, OffsetSpec.earliest())


def test_nothing_is_asked_for_nothing() -> None:
    """No partition, no question."""
    assert offsets(client(KafkaError.UNKNOWN), [], OffsetSpec.latest()) == {}
