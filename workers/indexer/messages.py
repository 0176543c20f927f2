"""The messages between the stages of the pipeline, and their queues."""

import queue
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.takedown import Takedown
from workers.images.decode import Pixels
from workers.indexer.pending_event import PendingEvent, ReceivedRecord


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """An event with the pixels of its pictures, ready for the encoder."""

    pending: PendingEvent
    image_hash: str
    pixels: list[Pixels]


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """An event that is ready to be written; `vector` is None if none was computed."""

    pending: PendingEvent
    image_hash: str | None = None
    vector: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """A request to remove the rows covered by these takedowns; None: by any takedown."""

    entries: tuple[Takedown, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Erase:
    """A request to delete everything stored of an erased listing, and to finish the event."""

    pending: PendingEvent


@dataclass(frozen=True, slots=True)
class Queues:
    """The queues are unbounded: `InFlight` bounds the events in them, the picture slots bound the pixels."""

    inbox: "queue.SimpleQueue[ReceivedRecord | str]" = field(default_factory=queue.SimpleQueue)
    """Received records, and ids of listings whose next event must be planned."""
    decoded: "queue.SimpleQueue[Decoded]" = field(default_factory=queue.SimpleQueue)
    writes: "queue.SimpleQueue[Write]" = field(default_factory=queue.SimpleQueue)
    urgent: "queue.SimpleQueue[Sweep | Erase]" = field(default_factory=queue.SimpleQueue)
    """Removals that people requested; the writer thread processes them first."""
