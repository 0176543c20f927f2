"""The whole pipeline, in one place.

    take ▸ planner: fold ▸ guard ─┬─► pictures: fetch ▸ decode ▸ encode ─┬─► writer: guard ▸ upsert ▸ settle ▸ finish
                                  └──────────────────────────────────────┘
      └─◄─ wait (app) ◄── retry topic ◄── put back: the image host is away

Why it is not a loop over batches: while one batch is encoded, the next must be fetched and decoded, or the encoder
waits; while a picture takes ten seconds to arrive, prices must go on changing. So each stage has its own thread, what
is in hand is bounded by `Room`, and an event is finished (its offset may be committed) only when its end is told.
"""

from collections.abc import Callable

from streams.follow import Follower
from streams.settings import Settings
from workers.images.fetch import Fetcher
from workers.images.limits import HostLimits, ImageLimits
from workers.index import metrics
from workers.index.change import Received
from workers.index.fold import Fold
from workers.index.lease import Lease
from workers.index.limits import Capacity, Endings
from workers.index.liveness import Progress
from workers.index.pictures import Pictures
from workers.index.planner import Planner
from workers.index.removals import Removals
from workers.index.reporter import Reporter
from workers.index.room import Room
from workers.index.settle import Settler
from workers.index.stages import Stages
from workers.index.work import Queues
from workers.index.writer import Writer
from workers.models.protocol import ImageEncoder
from workers.vectors.store import Store


class Pipeline:
    """From records to rows. `take` records, `forget` partitions, `stop`; a failure is told to `on_failure` once."""

    def __init__(
        self, settings: Settings, encoder: ImageEncoder, store: Store,
        on_failure: Callable[[BaseException], None],
        limits: ImageLimits, capacity: Capacity, endings: Endings, lease: Lease,
    ) -> None:  # fmt: skip
        self.room = Room(capacity.in_hand)
        self._queues, self._fold = Queues(), Fold()
        self._stages = Stages(capacity, on_failure)
        self._follower = Follower(settings, lambda entries: self._removals.news(entries))
        self._removals = Removals(self._stages, self._queues, store, self._follower, lease)
        self._reporter = Reporter(settings, encoder.recipe.model_id, self._follower.takedowns, endings)
        settler = Settler(self._fold, self._reporter, self._queues.inbox)
        fetcher = Fetcher(settings, limits, HostLimits())
        self._pictures = Pictures(self._stages, self._queues, self._fold, settler, encoder, fetcher)
        self._planner = Planner(self._stages, self._queues, self._fold, store, settler, self._pictures, self._follower)
        self._writer = Writer(
            self._stages, self._queues, self._fold, store, settler, lease, self._follower, self._removals
        )

    def start(self) -> None:
        """Start the threads."""
        self._follower.start()
        self._stages.run("plan", self._planner.step)
        self._stages.run("fetch", self._pictures.fetch_step)
        self._stages.run("encode", self._pictures.encode_step)
        self._stages.run("write", self._writer.step)
        self._stages.run("report", self._reporter.step)

    def take(self, received: Received) -> None:
        """Take in a record for which `room` was taken, and whose offset its watermark has begun."""
        metrics.IN_HAND.set(self.room.taken)
        self._queues.inbox.put(received)

    def wait_written(self, seconds: float) -> bool:
        """Wait until no batch is being written, and Kafka has confirmed its outcomes; False after `seconds`."""
        return self._writer.idle.wait(seconds / 2) and self._reporter.flush(seconds / 2) == 0

    def progress(self) -> Progress:
        """What liveness is judged by."""
        services = {self._stages.away: self._stages.away_since, "kafka": self._reporter.away_since}
        since, name = min(((since, name) for name, since in services.items() if since is not None), default=(None, ""))
        return Progress(self.room.taken, self.room.taken_at, self.room.progress_at, since, name)

    def own(self, partitions: frozenset[int]) -> None:
        """The partitions that are ours: rows of theirs that were taken down are ours to remove."""
        self._removals.own(partitions)

    def forget(self) -> None:
        """Let go of what belongs to partitions that are no longer ours (their watermarks are closed)."""
        for change in self._fold.drop_foreign():
            change.received.drop()

    def stop(self, seconds: float) -> None:
        """Finish the writes in hand and their outcomes, leave the rest to the next worker; `seconds` at most."""
        if self._stages.stop(seconds / 2):
            self._pictures.close()
        self._reporter.flush(seconds / 2)
        self._follower.close()
