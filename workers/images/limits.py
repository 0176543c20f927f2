"""Limits on one image, on the decoding for one source, and on one image host."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class ImageLimits:
    """Limits on one image; an image over them becomes a dead letter before memory is allocated for it."""

    bytes: int = 20_000_000
    formats: tuple[str, ...] = ()
    """Accepted besides JPEG, PNG and WebP."""
    pixels: int = 50_000_000
    """A 50-megapixel camera's; as RGBA 200 MB for each of the up to six copies while it is decoded."""
    decode_seconds: float = 10.0
    """In a decoder process; 50 megapixels of lossless WebP take 2.3 s."""
    decode_memory: int = 2_000_000_000
    """Bytes of address space of a decoder process; the worst of 50 megapixels (lossless WebP with alpha) needs 1.5 GB.
    Where the system does not enforce RLIMIT_AS (macOS), the cap on pixels alone bounds it."""
    seconds: float = 20.0
    """For a whole fetch, from the DNS lookup to the last byte, with all redirects, attempts and the waits between."""
    connect_seconds: float = 5.0
    redirects: int = 5
    attempts: int = 4
    """The last one begins about 4 s after the first, or later if the host asks for it (Retry-After)."""
    retry_after_seconds: float = 10.0
    """The longest Retry-After that is waited for in place; if the host asks for more, the event is requeued."""


@dataclass(frozen=True)
class DecodeLimits:
    """Limits on the decoder time of one source, a seller or a site."""

    slow_seconds: float = 1.0
    """A picture that is in its decoder for longer is slow, and is evicted, once, if others wait; 12 megapixels of JPEG
    take 0.1 s, 50 of lossless WebP 2.3 s."""
    budget_seconds: float = 1.0
    """Decoder seconds for slow pictures: the first one uses it up; a minute after one of 2 s it is available again."""
    slow_sources: int = 3
    """If so many sources have used up their budget, the last decoder is for proven ones, for `proven_seconds`."""
    half_life_seconds: float = 60.0
    """After which half of the used budget is available again."""
    proven_seconds: float = 600.0
    """For so long after its last quick picture a source is proven."""
    max_queued: int = 4
    """Queued pictures of a source whose budget is used up; further ones are requeued for later."""
    remembered: int = 4_000
    """Sources with an account; the least recently used is evicted."""


@dataclass(frozen=True)
class HostLimits:
    """Limits on the concurrent fetches of one party (host, address, domain, seller), and when a host is away."""

    open_after: int = 5
    """Consecutive failures that open a host's circuit breaker: one more than the attempts of one event."""
    distinct_pictures: int = 3
    """Different URLs among those failures: one bad URL must not open the breaker of a host that works."""
    distinct_sellers: int = 2
    """Different sellers among them: the URLs of one seller open the breaker for that seller alone."""
    pauses: tuple[float, ...] = (5.0, 10.0, 20.0, 40.0, 60.0)
    """Seconds until each probe; the last is repeated, so that a recovery is noticed within a minute."""
    slow_seconds: float = 4.0
    """A fetch longer than this is slow; a healthy host delivers a picture of 200 kB in 0.1 s."""
    initial_share: int = 8
    """Concurrent fetches of a new party."""
    max_share: int = 64
    """Of a party that answers quickly; each quick answer adds one."""
    min_share: int = 2
    """Of a party that is slow or fails; each slow answer and each failure halves its share."""
    young_seconds: float = 1.0
    """A fetch that has run longer than this does not make another host or seller of its party wait."""
    silent_seconds: float = 0.25
    """A new party that has not answered a running fetch for so long is limited to `max_queued` while the queues are
    overloaded; a proven one has `young_seconds`."""
    evict_seconds: float = 2.0
    """A fetch that has run longer than this may be evicted if the slots for unproven hosts are used up."""
    proven_seconds: float = 600.0
    """For so long after its last quick picture a party is proven; half of all slots is reserved for proven hosts."""
    max_queued: int = 100
    """Queued events of a slow party, a twentieth of those in flight; further ones are requeued for later."""
    max_queued_total: int = 500
    """Queued events of all slow parties, a quarter of those in flight; if more are queued, silent parties count as
    slow."""
    remembered: int = 4_000
    """Parties with a state, of about 500 bytes each; the oldest is evicted."""

    @classmethod
    def for_max_in_flight(cls, max_in_flight: int) -> Self:
        """For a worker of at most `max_in_flight` events: else queued events could be all that it has."""
        return cls(max_queued=max(1, max_in_flight // 20), max_queued_total=max(1, max_in_flight // 4))
