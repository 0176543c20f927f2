"""What Kafka refuses, told apart from its absence: waiting brings a broker back, and never changes its mind."""

import time
from datetime import UTC, datetime

from confluent_kafka import KafkaError

from streams.errors import Broken, SlowDown

_FOR_GOOD = {
    KafkaError.INVALID_TIMESTAMP: "",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "allow this user idempotent writes",
}
"""What this process can't mend by waiting, with the remedy."""

_LIFTED_BY_HAND = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "allow this user to write it",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "allow this user transactions",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "`lookalike topics create` creates it",
    KafkaError._UNKNOWN_TOPIC: "`lookalike topics create` creates it",
    KafkaError._UNKNOWN_PARTITION: "`lookalike topics check` compares the topics",
    KafkaError.MSG_SIZE_TOO_LARGE: "the topic's max.message.bytes is too small; `lookalike topics check` names it",
    KafkaError.RECORD_LIST_TOO_LARGE: "the topic's segment.bytes is too small",
    KafkaError.POLICY_VIOLATION: "a policy of the cluster forbids it; ask whoever runs Kafka",
    KafkaError.INVALID_RECORD: "the broker's checks do not take it; look at the topic's settings",
}
"""What a person may put right at the topic while we wait: nothing of it is acknowledged before, all else goes on."""


def refused_for_good(error: KafkaError) -> bool:
    """Whether sending the same record again can't help."""
    return error.code() in _FOR_GOOD


def needs_operator(error: KafkaError) -> bool:
    """Whether Kafka answers, and refuses until somebody changes a right or a topic."""
    return error.code() in _LIFTED_BY_HAND


def is_refused(error: KafkaError) -> bool:
    """Whether Kafka answered, and did not take a record: then it is not away."""
    return refused_for_good(error) or needs_operator(error)


def delivery_error_text(error: KafkaError) -> str:
    """Why a record was not confirmed, in one line; of a refusal with the remedy."""
    return refusal(error) if is_refused(error) else error.str()


def delivery_failure(topic: str, error: KafkaError) -> Broken | SlowDown:
    """What a process raises for a record of `topic` that was not confirmed: Broken if waiting can't help."""
    if error.fatal() or refused_for_good(error):
        return Broken(f"Kafka refused a record of {topic}: {refusal(error)}")
    if needs_operator(error):
        return SlowDown(f"Kafka refuses records of {topic}: {refusal(error)}")
    return SlowDown(f"Kafka has not confirmed a record of {topic}: {error.str()}")


def refusal(error: KafkaError, *, now: float | None = None) -> str:
    """What was refused and why, with the remedy, in one line; `now` is the time of this machine's clock."""
    code = error.code()
    if code == KafkaError.INVALID_TIMESTAMP:
        clock = datetime.fromtimestamp(time.time() if now is None else now, UTC)
        remedy = (
            f"this machine's clock says {clock:%Y-%m-%d %H:%M:%S} UTC, and that is further from Kafka's clock than the "
            "topic allows (an hour ahead, unless message.timestamp.after.max.ms says otherwise); set the clock"
        )
    else:
        remedy = _FOR_GOOD.get(code) or _LIFTED_BY_HAND.get(code, "")
    return f"{error.str()} ({error.name()}){f'; {remedy}' if remedy else ''}"
