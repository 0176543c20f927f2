"""Every metric of the index worker, named once, with its unit and meaning; served for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

from schemas.outcome import Outcome

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

OUTCOMES = Counter("lookalike_outcomes", "Events whose end was told, by outcome.", ["outcome"])
DEAD_LETTERS = Counter("lookalike_dead_letters", "Events that were dead-lettered, by reason.", ["reason"])
ENCODED = Counter("lookalike_encoded_pictures", "Pictures that went through the encoder.")
ENCODER_BUSY = Counter("lookalike_encoder_busy_seconds", "Seconds that the encoder was computing.")
STAGE_SECONDS = Histogram("lookalike_stage_seconds", "Seconds an event spent in a stage.", ["stage"], buckets=_SECONDS)
VISIBLE_SECONDS = Histogram(
    "lookalike_event_to_visible_seconds", "Seconds from the event's timestamp to its row.", buckets=_SECONDS
)
BATCH_PICTURES = Histogram(
    "lookalike_batch_pictures", "Pictures in a call of the encoder.", buckets=(1, 2, 4, 8, 16, 32, 64)
)
OUT_OF_MEMORY = Counter("lookalike_encoder_out_of_memory", "Batches that did not fit in the encoder's memory.")
HOSTS_AWAY = Gauge("lookalike_hosts_away", "Image hosts that are not asked for now, or only to probe them.")
PUT_BACK = Counter("lookalike_put_back", "Events put back until their image host delivers again, by why.", ["why"])
WAITING = Gauge("lookalike_events_waiting", "Events of the retry topic that are read and not due yet.")
LAG_DUE = Gauge(
    "lookalike_lag_due", "Records that a worker should do now, by partition of this worker.", ["topic", "partition"]
)
LAG_WAITING = Gauge(
    "lookalike_lag_waiting",
    "Records put back on purpose and not due yet, by partition of this worker.",
    ["topic", "partition"],
)
IN_LINE = Gauge("lookalike_events_in_line", "Events that wait for a place at their image host.")
IN_HAND = Gauge("lookalike_events_in_hand", "Events taken in and not finished.")
TWO_PARTITIONS = Counter("lookalike_two_partitions", "Events of a listing that came from another partition before.")
TAKEDOWNS = Gauge("lookalike_takedowns", "Entries of listing-takedown that count.")
TAKEDOWNS_UNREAD = Gauge("lookalike_takedowns_unread", "Entries of listing-takedown that can't be read.")
TAKEN_DOWN = Counter("lookalike_taken_down_rows", "Rows removed because they were taken down.")
ERASED = Counter("lookalike_erased_events", "Events of erased listings, finished without a word.")


def observe(outcome: Outcome) -> None:
    """Count an outcome and how long its stages took; a stage that was not needed is not counted."""
    OUTCOMES.labels(outcome.outcome).inc()
    if outcome.outcome in ("indexed", "metadata", "removed"):
        VISIBLE_SECONDS.observe(outcome.event_to_visible_ms / 1_000)
    for stage, milliseconds in outcome.stages_ms.model_dump().items():
        if milliseconds:
            STAGE_SECONDS.labels(stage).observe(milliseconds / 1_000)
