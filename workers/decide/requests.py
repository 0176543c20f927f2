"""From a decision on the disk to one record of `retrain-requested`, through crashes at any step.

decide ▸ write it down ▸ look whether the log has it ▸ publish ▸ note that it is there. A crash anywhere leaves either
no decision (it is made again, with the same id) or one that is not noted as published (it is looked for again). The
producer is transactional, with one name for all who decide: starting it first finishes or undoes what an earlier one
left half done, and shuts out one that was only frozen, so that what the log has after that is all there will be.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException
from pydantic import ValidationError

from schemas.evaluation import RetrainRequested
from streams.clients import await_kafka, producer
from streams.failures import SlowDown
from streams.read import read_all
from streams.settings import Settings
from streams.topics import RETRAIN
from workers.decide.evidence import Store

SECONDS = 30.0
"""As long as each answer of Kafka may take."""


class Log(Protocol):
    """Where requests go."""

    def publish_missing(self, requests: list[RetrainRequested]) -> None:
        """Publish those that the log lacks; returns when Kafka has confirmed them. Raises where it did not."""


class RetrainLog:
    """The topic `retrain-requested`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def publish_missing(self, requests: list[RetrainRequested]) -> None:
        """Publish those that the log lacks. Raises CommandFailed (3) where Kafka is away, SlowDown on the way."""
        await_kafka(self._settings)
        own = producer(
            self._settings, transactional_id=self._settings.named("lookalike-decide"), transaction_timeout_ms=60_000
        )  # fmt: skip
        try:
            own.init_transactions(SECONDS)
            there = {each.decision_id for each in requested(self._settings)}
            missing = [each for each in requests if each.decision_id not in there]
            if not missing:
                return
            own.begin_transaction()
            failed: list[KafkaError] = []
            for each in missing:
                own.produce(
                    self._settings.named(RETRAIN), each.model_dump_json(exclude_none=True).encode(), each.decision_id,
                    on_delivery=lambda error, _message: failed.append(error) if error else None,
                )  # fmt: skip
            own.flush(SECONDS)
            if failed:
                own.abort_transaction(SECONDS)
                raise SlowDown(f"the request to retrain was not taken: {failed[0].str()}")
            own.commit_transaction(SECONDS)
        except KafkaException as error:
            raise SlowDown(f"Kafka did not take the request to retrain: {error.args[0].str()}") from None


def requested(settings: Settings) -> Iterator[RetrainRequested]:
    """Every request in the log, oldest first; what can't be read is none of ours and passed over."""
    for record in read_all(settings, RETRAIN):
        try:
            yield RetrainRequested.model_validate_json(record.value or b"")
        except ValidationError:
            continue


def emit(store: Store, log: Log, now: datetime) -> list[RetrainRequested]:
    """Bring every decision that may be missing to the log, once; returns those that are there now.

    Call it inside `store.alone()`. Safe to repeat; raises what the log raises, and then nothing is noted.
    """
    waiting = [RetrainRequested.model_validate_json(record) for record in store.decisions(unpublished=True)]
    if not waiting:
        return []
    log.publish_missing(waiting)
    for each in waiting:
        store.mark_published(each.decision_id, now.astimezone(UTC))
    return waiting
