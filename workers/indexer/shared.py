"""What the stages of a pipeline share; each takes what it needs from here."""

from dataclasses import dataclass

from streams.takedown_follower import TakedownFollower
from workers.indexer.fold import Fold
from workers.indexer.lease import Lease
from workers.indexer.messages import Queues
from workers.indexer.settler import Settler
from workers.indexer.stages import Stages
from workers.milvus.store import Store


@dataclass(frozen=True, slots=True)
class Shared:
    """The parts that more than one stage uses. All are thread-safe; only the writer thread writes to the store."""

    stages: Stages
    queues: Queues
    fold: Fold
    store: Store
    settler: Settler
    takedowns: TakedownFollower
    lease: Lease
