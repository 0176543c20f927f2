"""From a decision on the disk to one record of `retrain-requested`, through crashes at any step.

decide ▸ write it down ▸ look whether the log has it ▸ publish ▸ note that it is there. A crash anywhere leaves either
no decision (it is made again, with the same id) or one that is not noted as published (it is looked for again). The
producer is transactional, with one name for all who decide: starting it first finishes or undoes what an earlier one
left half done, and shuts out one that was only frozen, so that what the log has after that is all there will be. The
log, not the folder, says what was decided: folders are lost, and there may be two. A decision goes there only if no
other came after the one that it was made to follow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer
from pydantic import ValidationError

from schemas.retrain_request import RetrainRequested
from streams.clients import await_kafka, producer
from streams.errors import LookalikeError, SlowDown
from streams.event_time import not_ahead
from streams.refusals import delivery_failure, is_refused
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import RETRAIN
from workers.decision.decision import request_content
from workers.decision.evidence_store import Store

SECONDS = 30.0
"""As long as each answer of Kafka may take."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RefusedRequest:
    """A decision that was not brought to the log, and why, in words."""

    decision_id: str
    why: str


class RequestLog(Protocol):
    """Where requests go, and where those of every folder are known."""

    def requested(self) -> list[RetrainRequested]:
        """Every request, oldest first. Raises if that can't be said."""

    def publish_missing(self, requests: list[RetrainRequested]) -> list[RefusedRequest]:
        """Publish those that the log lacks and may have; returns the others. Raises if Kafka did not confirm them."""


def admitted(
    there: Sequence[RetrainRequested], requests: Sequence[RetrainRequested]
) -> tuple[list[RetrainRequested], list[RefusedRequest]]:
    """Of decisions that wait: those to publish after what is `there`, and those that may not be; pure.

    One that is there already is neither. An id that is there with other content is another decision, and one that was
    made without knowing the last request in the log was overtaken by it: it would be the second for one reason.
    """
    known = {each.decision_id: each for each in there}
    last = there[-1].decision_id if there else None
    missing, refused = list[RetrainRequested](), list[RefusedRequest]()
    for each in requests:
        same = known.get(each.decision_id)
        if same is not None:
            if request_content(same) != request_content(each):
                refused.append(
                    RefusedRequest(each.decision_id, f"its id is that of another request, of {same.at:%Y-%m-%d}")
                )
        elif last not in (None, each.follows):
            refused.append(
                RefusedRequest(each.decision_id, f"{last} was requested meanwhile, by another folder or process")
            )
        else:
            missing.append(each)
            known[each.decision_id], last = each, each.decision_id
    return missing, refused


class RetrainLog:
    """The topic `retrain-requested`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def requested(self) -> list[RetrainRequested]:
        """As `read_requests`. Raises ServiceUnavailable if Kafka is away, LookalikeError without the topic."""
        name = self._settings.named(RETRAIN)
        if name not in await_kafka(self._settings).list_topics(timeout=10).topics:
            raise LookalikeError(f"topic {name} is missing; `lookalike topics create` creates it")
        return list(read_requests(self._settings))

    def publish_missing(self, requests: list[RetrainRequested]) -> list[RefusedRequest]:
        """As `RequestLog`.

        Raises ServiceUnavailable if Kafka is unavailable, SlowDown if it stops answering, Broken if it will never take
        them.
        """
        await_kafka(self._settings)
        own = producer(
            self._settings, transactional_id=self._settings.named("lookalike-decide"), transaction_timeout_ms=60_000
        )
        try:
            own.init_transactions(SECONDS)
            missing, others = admitted(self.requested(), requests)
            if missing:
                self._publish(own, missing)
        except KafkaException as error:
            if is_refused(error.args[0]):
                raise delivery_failure(self._settings.named(RETRAIN), error.args[0]) from None
            raise SlowDown(f"Kafka did not take the request to retrain: {error.args[0].str()}") from None
        return others

    def _publish(self, own: Producer, missing: Sequence[RetrainRequested]) -> None:
        own.begin_transaction()
        failed: list[KafkaError] = []
        for each in missing:
            own.produce(
                self._settings.named(RETRAIN),
                each.model_dump_json(exclude_none=True).encode(),
                each.decision_id,
                on_delivery=lambda error, _message: failed.append(error) if error else None,
            )
        own.flush(SECONDS)
        if failed:
            own.abort_transaction(SECONDS)
            raise delivery_failure(self._settings.named(RETRAIN), failed[0])
        own.commit_transaction(SECONDS)


def read_requests(settings: Settings) -> Iterator[RetrainRequested]:
    """Every request in the log, oldest first; what can't be read is none of ours and passed over.

    One of a machine whose clock was ahead is of the time of its record: else it would be in flight until then.
    """
    for record in read_all(settings, RETRAIN):
        try:
            request = RetrainRequested.model_validate_json(record.value or b"")
        except ValidationError:
            continue
        yield request.model_copy(update={"at": not_ahead(request.at, record.source)})


def publish_pending(store: Store, log: RequestLog, now: datetime) -> list[RefusedRequest]:
    """Bring every decision that may be missing to the log, once; returns those that it can't have, which are dropped.

    Call it inside `store.alone()`. Safe to repeat; raises what the log raises, and then nothing is noted.
    """
    waiting = [RetrainRequested.model_validate_json(record) for record in store.decisions(unpublished=True)]
    if not waiting:
        return []
    refused = log.publish_missing(waiting)
    for each in refused:
        _log.error("decision_not_requested", decision=each.decision_id, why=each.why)
        store.drop_decision(each.decision_id)
    dropped = {each.decision_id for each in refused}
    for request in waiting:
        if request.decision_id not in dropped:
            store.mark_published(request.decision_id, now.astimezone(UTC))
    return refused
