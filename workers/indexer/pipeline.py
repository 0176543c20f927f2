"""The pipeline: its stages, the queues between them, and their threads.

    submit ▸ planner: fold ▸ guard ─┬─► fetch ▸ decode ▸ encode ─┬─► writer: guard ▸ upsert ▸ settle ▸ finish
                                    └────────────────────────────┘
      └─◄─ delay queue (app) ◄── retry topic ◄── requeue: the image host is unavailable

It is not a loop over batches: while one batch is encoded, the next must be fetched and decoded, or the encoder waits;
while a picture takes ten seconds to arrive, price changes must go on. So each stage has its own thread, `InFlight`
bounds the events in flight, and an event is finished (its offset may be committed) only when Kafka has confirmed its
outcome.
"""

from collections.abc import Callable
from dataclasses import replace

from streams.settings import Settings
from streams.takedown_follower import TakedownFollower
from workers.images.fetch import Fetcher
from workers.images.limits import HostLimits
from workers.indexer import metrics
from workers.indexer.availability import Availability
from workers.indexer.config import IndexerOptions
from workers.indexer.encode_stage import EncodeStage
from workers.indexer.fetch_stage import FetchStage
from workers.indexer.fold import Fold
from workers.indexer.in_flight import InFlight
from workers.indexer.lease import Lease
from workers.indexer.liveness import Progress
from workers.indexer.messages import Queues, Sweep
from workers.indexer.pending_event import ReceivedRecord
from workers.indexer.planner import Planner
from workers.indexer.removals import Removals
from workers.indexer.reporter import Reporter
from workers.indexer.settler import Settler
from workers.indexer.shared import Shared
from workers.indexer.stages import Stages
from workers.indexer.writer import Writer
from workers.milvus.store import Store
from workers.models.protocol import ImageEncoder


class Pipeline:
    """From records to rows: `submit` records, `drop_revoked`, `stop`. `on_failure` is called with each failure."""

    def __init__(
        self,
        settings: Settings,
        options: IndexerOptions,
        encoder: ImageEncoder,
        store: Store,
        lease: Lease,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        capacity, queues, fold, self._availability = options.capacity, Queues(), Fold(), Availability()
        self.in_flight = InFlight(capacity.max_in_flight)
        self._stages = Stages(capacity, on_failure, self._availability)
        self._follower = TakedownFollower(settings, lambda entries: queues.urgent.put(Sweep(tuple(entries))))
        takedowns = self._follower.takedowns
        metrics.TAKEDOWNS.set_function(lambda: takedowns.count)
        metrics.TAKEDOWNS_UNREAD.set_function(lambda: takedowns.unread)
        model_id, policy = encoder.recipe.model_id, options.failure_policy
        self._reporter = Reporter(settings, model_id, takedowns, policy, self._availability)
        self._settler = Settler(fold, self._reporter, queues)
        shared = Shared(self._stages, queues, fold, store, self._settler, self._follower, lease)
        self._queues = queues
        image_limits = replace(options.limits, formats=settings.image_formats)
        fetcher = Fetcher(settings, image_limits, HostLimits.for_max_in_flight(capacity.max_in_flight))
        self._pictures = FetchStage(shared, encoder.recipe, fetcher)
        self._encoding = EncodeStage(shared, encoder, self._pictures.release_slots)
        self._planner = Planner(shared, self._pictures)
        self._removals = Removals(shared)
        self._writer = Writer(shared, self._removals)

    def start(self) -> None:
        """Start the threads."""
        self._follower.start()
        self._stages.run("plan", self._planner.step)
        self._stages.run("fetch", self._pictures.fetch_step)
        self._stages.run("encode", self._encoding.step)
        self._stages.run("write", self._writer.step)
        self._stages.run("report", self._reporter.step)

    def submit(self, received: ReceivedRecord) -> None:
        """Accept a record that is counted `in_flight`, and whose offset its watermark has begun."""
        metrics.IN_HAND.set(self.in_flight.count)
        self._queues.inbox.put(received)

    def wait_written(self, seconds: float) -> bool:
        """Wait until no batch is being written and Kafka has confirmed all outcomes; False after `seconds`."""
        return self._writer.idle.wait(seconds / 2) and self._reporter.flush(seconds / 2) == 0

    def progress(self) -> Progress:
        """The progress, for the liveness check."""
        recovered_at = self._availability.recovered_at
        return Progress(
            self.in_flight.count,
            max(self.in_flight.acquired_at, recovered_at),
            max(self.in_flight.progress_at, recovered_at),
            self._availability.absences(),
        )

    def set_owned_partitions(self, partitions: frozenset[int]) -> None:
        """Set the owned partitions: this worker removes taken-down rows of theirs."""
        self._removals.set_owned_partitions(partitions)

    def drop_revoked(self) -> None:
        """Drop the events of revoked partitions (their watermarks are closed)."""
        self._settler.drop_revoked()

    def stop(self, seconds: float) -> None:
        """Finish the writes in progress and their outcomes, leave the rest to the next worker; at most `seconds`."""
        if self._stages.stop(seconds / 2):
            self._pictures.close()
        self._reporter.flush(seconds / 2)
        self._follower.close()
