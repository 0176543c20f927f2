"""What whoever runs the suite chose: the seed, how long outages last, and where rows of the table go."""

import os
import random
import zlib

SEED = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(1_000_000))
"""Printed with the table; `make faults SEED=n` repeats a run."""
OUTAGE = float(os.environ.get("FAULTS_OUTAGE") or 4.0)
"""Seconds that a service is away; 60 in `make faults`."""
SOAK_MINUTES = float(os.environ.get("FAULTS_SOAK_MINUTES") or 1.0)
ROWS = os.environ.get("FAULTS_ROWS", "")
"""A file that gets a line of JSON for each case."""


def seed_of(case: str) -> int:
    """The seed of one case: it can be run alone and does what it does among all."""
    return zlib.crc32(f"{SEED}:{case}".encode()) % 1_000_000
