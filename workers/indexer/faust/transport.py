"""Faust's Kafka transport with three additions: it reads committed records only, commits an offset with metadata (the
identity of its log), and pauses partitions without losing fetched records."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.errors import CommitFailedError  # type: ignore[import-untyped]  # it ships no types
from aiokafka.structs import OffsetAndMetadata, TopicPartition  # type: ignore[import-untyped]
from faust.transport.drivers import aiokafka

from workers.indexer.faust import raw_records

raw_records.install()


class _Thread(aiokafka.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust has no setting for it; it is read when the consumer starts.
        consumer._isolation_level = "read_committed"
        return consumer

    async def _commit(self, offsets: Mapping[Any, Any]) -> bool:
        """Commit `{partition: (offset, metadata)}`; Faust's own method takes no metadata."""
        ours = {tp: commit for tp, commit in offsets.items() if tp in self.assignment()}
        self.tp_last_committed_at.update(dict.fromkeys(ours, time.monotonic()))
        try:
            await self._ensure_consumer().commit(
                {
                    # The zero byte: `streams.log_identity.metadata_of`.
                    TopicPartition(*tp): OffsetAndMetadata(offset, f"{text}\0")
                    for tp, (offset, text) in ours.items()
                }
            )
        except Exception as error:  # as in Faust's own method: whatever it is ends the consumer, by `crash`
            if isinstance(error, CommitFailedError) and "already rebalanced" in str(error):
                return False
            self.log.exception("Committing raised an exception")
            await self.crash(error)
            return False
        return True


class _Consumer(aiokafka.Consumer):
    """A consumer that can pause partitions without losing records that are fetched already.

    Faust's `pause_partitions` drops records that were fetched and not yet delivered, and they would never come again.
    `on_buffer_full` is what Faust calls when its own buffer is full; fetched records are still delivered.
    """

    _held: frozenset[Any] = frozenset()

    def pause_fetching(self, partitions: Iterable[Any]) -> None:
        """Stop fetching from these partitions."""
        self._held |= frozenset(partitions)
        for partition in self._held:
            self.on_buffer_full(partition)

    def resume_fetching(self) -> None:
        """Fetch from all partitions again."""
        held, self._held = self._held, frozenset()
        for partition in held & self.assignment():
            self.on_buffer_drop(partition)

    def on_buffer_drop(self, tp: Any) -> None:
        """Faust's buffer has room again: resume, unless the partition is paused by us."""
        if tp not in self._held:
            super().on_buffer_drop(tp)

    def _new_consumer_thread(self) -> Any:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class Transport(aiokafka.Transport):
    """As Faust's own for `kafka://`, with `isolation.level` read_committed."""

    Consumer = _Consumer
