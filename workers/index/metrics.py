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
IN_HAND = Gauge("lookalike_events_in_hand", "Events taken in and not finished.")
TWO_PARTITIONS = Counter("lookalike_two_partitions", "Events of a listing that came from another partition before.")


def observe(outcome: Outcome) -> None:
    """Count an outcome and how long its stages took; a stage that was not needed is not counted."""
    OUTCOMES.labels(outcome.outcome).inc()
    if outcome.outcome in ("indexed", "metadata", "removed"):
        VISIBLE_SECONDS.observe(outcome.event_to_visible_ms / 1_000)
    for stage, milliseconds in outcome.stages_ms.model_dump().items():
        if milliseconds:
            STAGE_SECONDS.labels(stage).observe(milliseconds / 1_000)
