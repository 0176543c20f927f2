"""What one image, and one image host, may cost."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageLimits:
    """Caps on one image; what is over them is dead-lettered before memory is taken."""

    bytes: int = 20_000_000
    pixels: int = 50_000_000
    """A 50-megapixel camera's; as RGBA 200 MB for each of the up to six copies while it is decoded."""
    decode_seconds: float = 10.0
    """In a decoder process; 50 megapixels of lossless WebP take 2.3 s."""
    decode_memory: int = 2_000_000_000
    """Bytes of address space of a decoder process; the worst of 50 megapixels (lossless WebP with alpha) needs 1.5 GB.
    Where the system does not enforce RLIMIT_AS (macOS), the cap on pixels alone bounds it."""
    seconds: float = 20.0
    """For the whole of one attempt, from the look-up of the name to the last byte."""
    connect_seconds: float = 5.0
    redirects: int = 5
    attempts: int = 4
    """Of which the last begins some 4 s after the first, or later where the host says so (Retry-After)."""
    retry_after_seconds: float = 10.0
    """The longest that a host may ask us to wait in place; asked to wait longer, the event is put back."""


@dataclass(frozen=True)
class HostLimits:
    """What one image host may take of the work at once, and when it counts as away."""

    open_after: int = 5
    """Failures in a row after which nothing is asked of a host for a while: one more than one event's attempts."""
    of_pictures: int = 3
    """Different addresses among those failures: one bad address must not close a host that works."""
    pauses: tuple[float, ...] = (5.0, 10.0, 20.0, 40.0, 60.0)
    """Seconds until the next probe; the last is repeated, so that a recovery is seen within a minute."""
    slow_seconds: float = 4.0
    """A fetch longer than this is slow; a picture of 200 kB takes 0.1 s from a host that is well."""
    share_first: int = 8
    """Pictures at a time from a host that is not known: twelve hosts can hang before all 96 places are taken."""
    share_most: int = 64
    """From one that answers quickly; each quick answer earns one place more."""
    share_least: int = 2
    """From one that is slow or fails; each slow answer and each failure halves its share."""
    line: int = 100
    """Events that may wait for a host that struggles, a twentieth of those in hand; further ones are put back."""
    remembered: int = 1_000
    """Hosts of which something is known, some 500 bytes each; the one not asked for longest is forgotten."""
