"""What one image, and one image host, may cost."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class ImageLimits:
    """Caps on one image; what is over them is dead-lettered before memory is taken."""

    bytes: int = 20_000_000
    formats: tuple[str, ...] = ()
    """Taken besides JPEG, PNG and WebP."""
    pixels: int = 50_000_000
    """A 50-megapixel camera's; as RGBA 200 MB for each of the up to six copies while it is decoded."""
    decode_seconds: float = 10.0
    """In a decoder process; 50 megapixels of lossless WebP take 2.3 s."""
    decode_memory: int = 2_000_000_000
    """Bytes of address space of a decoder process; the worst of 50 megapixels (lossless WebP with alpha) needs 1.5 GB.
    Where the system does not enforce RLIMIT_AS (macOS), the cap on pixels alone bounds it."""
    seconds: float = 20.0
    """For the whole of a fetch, from the look-up of the name to the last byte: every redirect, every attempt, every
    wait between two of them."""
    connect_seconds: float = 5.0
    redirects: int = 5
    attempts: int = 4
    """Of which the last begins some 4 s after the first, or later where the host says so (Retry-After)."""
    retry_after_seconds: float = 10.0
    """The longest that a host may ask us to wait in place; asked to wait longer, the event is put back."""


@dataclass(frozen=True)
class DecodeLimits:
    """What the pictures of one source, a seller or a site, may take of the decoders."""

    slow_seconds: float = 1.0
    """A picture that is in its decoder longer than this is slow, and gives it to others that wait, once; 12 megapixels
    of JPEG take 0.1 s, 50 of lossless WebP 2.3 s."""
    budget_seconds: float = 1.0
    """Of slow pictures: the first one uses it up, and a minute later a source that had one of 2 s has it again."""
    several: int = 3
    """Sources that have used theirs up; for `proven_seconds` the last decoder is for those known to be quick."""
    half_life_seconds: float = 60.0
    """After which half of what was used is forgotten."""
    proven_seconds: float = 600.0
    """For so long after its last quick picture a source has delivered lately."""
    line: int = 4
    """Pictures that may wait of a source whose budget is used up; further ones are put back."""
    remembered: int = 4_000
    """Sources of which something is known; the one not heard of longest is forgotten."""


@dataclass(frozen=True)
class HostLimits:
    """What one host, one address, one domain or one seller may take of the work at once, and when a host is away."""

    open_after: int = 5
    """Failures in a row after which nothing is asked of a host for a while: one more than one event's attempts."""
    of_pictures: int = 3
    """Different addresses among those failures: one bad address must not close a host that works."""
    of_sellers: int = 2
    """Different sellers among them: one seller's addresses close a host for that seller alone."""
    pauses: tuple[float, ...] = (5.0, 10.0, 20.0, 40.0, 60.0)
    """Seconds until the next probe; the last is repeated, so that a recovery is seen within a minute."""
    slow_seconds: float = 4.0
    """A fetch longer than this is slow; a picture of 200 kB takes 0.1 s from a host that is well."""
    share_first: int = 8
    """Pictures at a time from a party that is not known."""
    share_most: int = 64
    """From one that answers quickly; each quick answer earns one place more."""
    share_least: int = 2
    """From one that is slow or fails; each slow answer and each failure halves its share."""
    young_seconds: float = 1.0
    """A fetch that has run longer than this does not keep another host, or another seller, of its party waiting."""
    silent_seconds: float = 0.25
    """A party that is not known and from which nothing has come for so long, though it is asked, keeps no more than its
    line while many wait; one that has delivered lately has `young_seconds`."""
    evict_seconds: float = 2.0
    """What has run longer than this gives its place to others when hosts that have not delivered use up theirs."""
    proven_seconds: float = 600.0
    """For so long after its last quick picture a host has delivered lately; half of all places is kept for those."""
    line: int = 100
    """Events that may wait for a party that struggles, a twentieth of those in hand; further ones are put back."""
    lines: int = 500
    """Events that may wait for all that struggle, a quarter of those in hand; if more wait, also for all that are
    silent."""
    remembered: int = 4_000
    """Parties of which something is known, some 500 bytes each; the one not asked for longest is forgotten."""

    @classmethod
    def of_hand(cls, in_hand: int) -> Self:
        """For a worker that has at most `in_hand` events: else those that wait could be all that it has."""
        return cls(line=max(1, in_hand // 20), lines=max(1, in_hand // 4))
