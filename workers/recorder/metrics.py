"""Every metric of the recorder, named once, with its unit and meaning."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

RECORDED = Counter("lookalike_recorded", "Interactions that are in a file, by event.", ["event"])
DEAD_LETTERS = Counter("lookalike_record_dead_letters", "Records that were dead-lettered, by reason.", ["reason"])
ERASED = Counter("lookalike_record_forgotten", "Records dropped because their user is forgotten.")
FILES = Counter("lookalike_record_files", "Files that were put in place.")
MERGED = Counter("lookalike_record_merged_files", "Small files that became part of a larger one.")
BATCH_RECORDS = Histogram(
    "lookalike_record_batch_records", "Records in a batch.", buckets=(1, 10, 100, 1_000, 10_000, 50_000, 100_000)
)
STAGE_SECONDS = Histogram(
    "lookalike_record_stage_seconds", "Seconds a batch spent in a stage.", ["stage"], buckets=_SECONDS
)
AGE_SECONDS = Histogram(
    "lookalike_record_age_seconds", "Seconds from a batch's oldest record in Kafka to its file.", buckets=_SECONDS
)
MISSING = Gauge("lookalike_record_missing_offsets", "Offsets between recorded files that are in none of them.")
IN_FLIGHT = Gauge("lookalike_record_in_hand", "Records that are read and not in a file.")
AWAITING_LOCK = Gauge(
    "lookalike_record_held_elsewhere", "Partitions that are ours and still written to by another recorder."
)
