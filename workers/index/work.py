"""What passes between the stages, and the queues that it passes through."""

import queue
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.takedown import Takedown
from workers.images.decode import Pixels
from workers.index.change import Change, Received


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """The pixels of a change's pictures, ready for the encoder."""

    change: Change
    image_hash: str
    pixels: list[Pixels]


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """A change that is ready to be written; `vector` is None where none was computed."""

    change: Change
    image_hash: str | None = None
    vector: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """Remove the rows that these takedowns cover; None: that any of them covers."""

    entries: tuple[Takedown, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Erase:
    """Delete what is stored of an erased listing, and finish the event."""

    change: Change


@dataclass(frozen=True, slots=True)
class Queues:
    """Unbounded by themselves: `Room` bounds the events in them, the picture slots bound the pixels."""

    inbox: "queue.SimpleQueue[Received | str]" = field(default_factory=queue.SimpleQueue)
    """Records that came, and ids of listings whose next event is to be looked at."""
    decoded: "queue.SimpleQueue[Decoded]" = field(default_factory=queue.SimpleQueue)
    writes: "queue.SimpleQueue[Write]" = field(default_factory=queue.SimpleQueue)
    urgent: "queue.SimpleQueue[Sweep | Erase]" = field(default_factory=queue.SimpleQueue)
    """What people asked for; the thread that writes looks here first."""
