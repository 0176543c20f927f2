"""What the operator allows an image to cost, and how much work may be in hand at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageLimits:
    """Caps on one image; what is over them is dead-lettered before memory is taken."""

    bytes: int = 20_000_000
    pixels: int = 50_000_000
    """A 50-megapixel camera's; as RGBA 200 MB while it is decoded."""
    seconds: float = 20.0
    """For the whole of one attempt, from the look-up of the name to the last byte."""
    connect_seconds: float = 5.0
    redirects: int = 5
    attempts: int = 4
    """Of which the last begins some 4 s after the first, or later where the host says so (Retry-After)."""
    retry_after_seconds: float = 10.0
    """The longest that a host may ask us to wait within one event."""


@dataclass(frozen=True)
class Capacity:
    """Bounds of the pipeline; together they bound its memory."""

    in_hand: int = 2_000
    """Events taken in and not finished; also the most that is done again after a kill."""
    pictures: int = 96
    """Events between the start of their fetch and the encoder: three batches of 32, so that it never waits."""
    per_host: int = 64
    decoders: int = 2
    read_batch: int = 500
    """Events that are guarded, or written, at a time."""
    idle_wait_seconds: float = 0.01
    """How long a batch that is not full waits for more."""
