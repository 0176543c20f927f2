"""A permanent refusal is not absence: what was refused is said, and why."""

from typing import Any

import pytest
from confluent_kafka import KafkaError

from changes import change
from streams.errors import Broken, SlowDown
from streams.keyed_hash import HashKey
from streams.publish import Delivered
from streams.refusals import delivery_failure, needs_operator, refusal, refused_for_good
from streams.settings import Settings
from streams.takedowns import Takedowns
from streams.topics import DEAD_LETTER, INDEXED
from workers.indexer.availability import Availability
from workers.indexer.reporter import Reporter
from workers.process.exit_status import exit_status
from workers.recorder.dead_letters import DeadLetterProducer


def reporter(availability: Availability) -> Any:
    """A reporter whose broker does not exist: its answers are given by the test."""
    return Reporter(Settings(kafka="127.0.0.1:1"), "m@0", Takedowns(lambda: HashKey("k")), availability=availability)


@pytest.mark.parametrize(
    ("code", "words"),
    [(KafkaError.INVALID_TIMESTAMP, "clock says"), (KafkaError.CLUSTER_AUTHORIZATION_FAILED, "idempotent")],
)
def test_what_is_refused_for_good_ends_the_worker(code: int, words: str) -> None:
    """The sentence names the topic and the reason, and does not say that Kafka is away."""
    told = reporter(Availability())
    told._refused(INDEXED, KafkaError(code), lambda: None)
    with pytest.raises(Broken, match="listing-indexed") as broken:
        told.step()
    assert words in str(broken.value)
    assert "away" not in str(broken.value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "TOPIC_AUTHORIZATION_FAILED"),
        (KafkaError.MSG_SIZE_TOO_LARGE, "max.message.bytes"),
        (KafkaError.POLICY_VIOLATION, "policy"),
        (KafkaError.INVALID_RECORD, "INVALID_RECORD"),
    ],
)
def test_what_a_topic_refuses_is_waited_for(code: int, words: str) -> None:
    """Nothing is acknowledged, and the message says what was refused, until it is not; all else goes on."""
    availability, sent = Availability(), list[int]()
    told = reporter(availability)
    told._refused(DEAD_LETTER, KafkaError(code), lambda: sent.append(1))
    told.step()
    [absence] = availability.absences()
    assert absence.service == "kafka"
    assert "listing-dead-letter" in absence.why
    assert words in absence.why
    assert sent == [1]
    told.step()
    assert availability.absences() == ()


@pytest.mark.parametrize("code", [KafkaError._TRANSPORT, KafkaError._MSG_TIMED_OUT, KafkaError.NOT_ENOUGH_REPLICAS])
def test_absence_is_waited_for(code: int) -> None:
    """A broker that is away or short of replicas comes back."""
    assert not refused_for_good(KafkaError(code))
    assert not needs_operator(KafkaError(code))


def test_the_clock_is_named() -> None:
    """With its time, so that whoever reads it sees the difference."""
    assert "2001-09-09 01:46:40 UTC" in refusal(KafkaError(KafkaError.INVALID_TIMESTAMP), now=1e9)


def test_nothing_is_finished_by_a_refusal() -> None:
    """The event stays in hand: its offset is read again after a restart."""
    told, waiting = reporter(Availability()), change()
    told.outcome(waiting, "indexed")
    told._refused(INDEXED, KafkaError(KafkaError.INVALID_TIMESTAMP), lambda: None)
    with pytest.raises(Broken):
        told.step()
    assert waiting.received.watermark.committable in (None, 0)


REFUSED = [
    (KafkaError.INVALID_TIMESTAMP, Broken, "clock says", 1),
    (KafkaError.CLUSTER_AUTHORIZATION_FAILED, Broken, "allow", 1),
    (KafkaError.TOPIC_AUTHORIZATION_FAILED, SlowDown, "refuses records of t", 1),
    (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, SlowDown, "transactions", 1),
    (KafkaError._MSG_TIMED_OUT, SlowDown, "has not confirmed a record of t", 3),
    (KafkaError.NOT_ENOUGH_REPLICAS, SlowDown, "has not confirmed a record of t", 3),
]


@pytest.mark.parametrize(("code", "kind", "words", "status"), REFUSED)
def test_whoever_sends_it(code: int, kind: type[Exception], words: str, status: int) -> None:
    """A process ends only if waiting can't help; a command ends with 3 only if nobody has answered."""
    failure = delivery_failure("t", KafkaError(code))
    assert type(failure) is kind
    assert words in str(failure)
    delivered = Delivered()
    delivered.fail(KafkaError(KafkaError._MSG_TIMED_OUT))
    delivered.fail(KafkaError(code))
    assert (delivered.failed, exit_status(delivered.failure("2 failed"))) == (2, status)


@pytest.mark.parametrize(("code", "kind"), [(each[0], each[1]) for each in REFUSED])
def test_dead_letters_of_interactions(code: int, kind: type[Exception]) -> None:
    """The first refusal for good counts, whatever was said besides."""
    letters = DeadLetterProducer(Settings(kafka="127.0.0.1:1"))
    letters._confirmed(KafkaError(KafkaError._MSG_TIMED_OUT), None)  # type: ignore[arg-type]
    letters._confirmed(KafkaError(code), None)  # type: ignore[arg-type]
    letters._confirmed(KafkaError(KafkaError._MSG_TIMED_OUT), None)  # type: ignore[arg-type]
    assert isinstance(letters._failure, kind)
