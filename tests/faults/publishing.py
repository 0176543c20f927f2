"""Publishing without pause while something is away: what Kafka acknowledges goes into the ledger, and only that."""

import contextlib
import threading
from collections.abc import Iterator, Sequence

from confluent_kafka import KafkaError, Message, Producer

from faults.histories import Histories, Made
from faults.ledger import Ledger
from streams.clients import producer
from streams.settings import Settings
from streams.topic_reader import record_of

WAIT_SECONDS = 240.0
"""For Kafka's word on what was sent; longer than any outage, so that no record's fate stays unknown."""


class Publisher:
    """A producer that keeps the ledger."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self.failed: list[KafkaError] = []
        self._settings, self._ledger = settings, ledger
        self._producer: Producer = producer(settings, message_timeout_ms=0)

    def send(self, records: Sequence[Made], by: Producer | None = None) -> None:
        """Hand records over, to another producer where one is given; does not wait."""
        client = by or self._producer
        for made in records:

            def confirmed(error: KafkaError | None, message: Message, made: Made = made) -> None:
                if error is None:
                    self._ledger.published(made, record_of(message).source)
                else:
                    self.failed.append(error)

            topic, key, value, headers, more = made.raw
            client.produce(
                self._settings.named(topic), value, key, headers=list(headers), on_delivery=confirmed, **more
            )
        client.poll(0)

    def finish(self) -> None:
        """Wait until Kafka has acknowledged all of it."""
        assert self._producer.flush(WAIT_SECONDS) == 0
        assert not self.failed, self.failed


@contextlib.contextmanager
def publishing(publisher: Publisher, histories: Histories, *, rate: float) -> Iterator[None]:
    """Publish `rate` records a second for the time of the block, whatever happens; then wait for Kafka's word."""
    over = threading.Event()
    failures: list[BaseException] = []

    def go_on() -> None:
        try:
            while not over.wait(0.1):
                publisher.send(list(histories.records(max(1, round(rate / 10)))))
        except BaseException as error:  # noqa: BLE001 - raised again where somebody looks
            failures.append(error)

    thread = threading.Thread(target=go_on, name="publishing")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    publisher.finish()
    if failures:
        raise failures[0]
