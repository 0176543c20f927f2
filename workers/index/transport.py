"""Faust's Kafka transport, reading committed records only: what a publisher aborted was never said."""

from typing import Any

from faust.transport.drivers import aiokafka


class _Thread(aiokafka.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust sets it for its own transactions only, and has no setting for it; it is read when the consumer starts.
        consumer._isolation_level = "read_committed"
        return consumer


class _Consumer(aiokafka.Consumer):
    def _new_consumer_thread(self) -> Any:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class Transport(aiokafka.Transport):
    """As Faust's own for `kafka://`, with `isolation.level` read_committed."""

    Consumer = _Consumer
