"""Faust's Kafka transport, reading committed records only: what a publisher aborted was never said."""

from collections.abc import Iterable
from typing import Any

from faust.transport.drivers import aiokafka


class _Thread(aiokafka.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust sets it for its own transactions only, and has no setting for it; it is read when the consumer starts.
        consumer._isolation_level = "read_committed"
        return consumer


class _Consumer(aiokafka.Consumer):
    """Reads on from partitions, or not for now (`hold`, `let_go`), without losing what was fetched of them.

    Not by Faust's `pause_partitions`: that throws away what was fetched and not yet handed on, and it would never
    come again. `on_buffer_full` is what Faust calls when its own buffer is full; what was fetched still comes.
    """

    _held: frozenset[Any] = frozenset()

    def hold(self, partitions: Iterable[Any]) -> None:
        """Fetch no more of these."""
        self._held |= frozenset(partitions)
        for partition in self._held:
            self.on_buffer_full(partition)

    def let_go(self) -> None:
        """Fetch from all again."""
        held, self._held = self._held, frozenset()
        for partition in held & self.assignment():
            self.on_buffer_drop(partition)

    def on_buffer_drop(self, tp: Any) -> None:
        """Faust's buffer has room again: no reason to fetch what is held."""
        if tp not in self._held:
            super().on_buffer_drop(tp)

    def _new_consumer_thread(self) -> Any:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class Transport(aiokafka.Transport):
    """As Faust's own for `kafka://`, with `isolation.level` read_committed."""

    Consumer = _Consumer
