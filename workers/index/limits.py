"""How much work may be in hand at once, and what becomes of what can't be done."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Capacity:
    """Bounds of the pipeline; together they bound its memory."""

    in_hand: int = 2_000
    """Events taken in and not finished; also the most that is done again after a kill."""
    pictures: int = 96
    """Events between the start of their fetch and the encoder: three batches of 32, so that it never waits."""
    decoders: int = 2
    read_batch: int = 500
    """Events that are guarded, or written, at a time."""
    idle_wait_seconds: float = 0.01
    """How long a batch that is not full waits for more."""
    waiting: int = 10_000
    """Events of the retry topic that are read and not due yet; some 2 kB each. Above it that topic is not read."""
    waiting_bytes: int = 32_000_000
    """Their keys, values and headers; so long values can't fill the memory either."""


@dataclass(frozen=True)
class Endings:
    """What becomes of events that can't be done now, or ever."""

    retry_delays: tuple[float, ...] = (10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 21_600.0)
    """Seconds until an event whose host is away is tried again, growing; after the last it is a dead letter: 8.6 hours
    in all, a night's outage of a host, and well below the seven days that the retry topic keeps."""
    jitter: float = 0.2
    """Up to this share is added to a delay, so that what was put back at once does not come back at once."""
    longest_wait: float = 21_600.0
    """Seconds; a host that asks us to wait longer (Retry-After) is asked again after this."""
    letters_in_a_row: int = 100
    """Dead letters in a row that end the worker; 0: none do. Bad messages come one by one, a bad release in masses."""
    letters_ratio: float = 0.5
    """Share of dead letters among the last `letters_window` ends that ends the worker; 0: none does."""
    letters_window: int = 400
    """Long enough that 200 letters are half of it: a seller's folder of bad pictures is shorter."""
