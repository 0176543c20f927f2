"""Every metric of the server, named once, with its unit and meaning."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

REQUESTS = Counter("lookalike_serve_requests", "Requests answered, by route and status.", ["route", "status"])
SECONDS = Histogram("lookalike_serve_seconds", "Seconds from a request to its answer.", ["route"], buckets=_SECONDS)
STEP_SECONDS = Histogram(
    "lookalike_serve_step_seconds", "Seconds in a step of an answer: row, search, encode.", ["step"], buckets=_SECONDS
)
SHELVES = Counter("lookalike_serve_shelves", "Shelves answered, by how their order was drawn.", ["drawn"])
EMPTY_SHELVES = Counter("lookalike_serve_empty_shelves", "Shelves answered with nothing on them.")
RECORDED = Counter("lookalike_serve_recorded_shelves", "Shelves that Kafka has confirmed.")
UNRECORDED = Counter("lookalike_serve_unrecorded_shelves", "Shelves that were answered and will be in no record.")
WAITING = Gauge("lookalike_serve_waiting_shelves", "Shelves that Kafka has not confirmed yet.")
MISSED = Counter("lookalike_serve_missed_interleavings", "Shelves that were to be interleaved and could not be.")
INTERACTIONS = Counter("lookalike_serve_interactions", "Interactions that Kafka has confirmed, by kind.", ["event"])
REFUSED = Counter("lookalike_serve_refused_interactions", "Interactions that were refused, by why.", ["why"])
TAKEDOWNS_AGE = Gauge("lookalike_serve_takedowns_age_seconds", "Since it was last certain what was taken down.")
CUT = Counter(
    "lookalike_serve_cut_connections", "Connections ended by us: slow, unread, place (given to another), full.", ["why"]
)
FOREIGN = Counter("lookalike_serve_foreign_requests", "Requests refused for their Host or Origin.", ["why"])
