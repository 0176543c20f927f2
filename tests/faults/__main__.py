"""The whole fault suite, or a soak: `python -m tests.faults [--seeds N] [--seed S] [--soak MINUTES] [-- PYTEST…]`.

Every case with outages of a minute, for one printed seed or for several; a table for each seed, and at the end whether
all held. Exit 0 where they did.
"""

import argparse
import contextlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = ("tests/faults", "tests/behaviour/indexer/test_hosts.py")


def main() -> None:
    """Run it, once for each seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("--seed", type=int, help="the first of them; drawn and printed where it is not given")
    parser.add_argument("--outage", type=float, default=60.0, help="seconds that a service is away")
    parser.add_argument(
        "--soak", type=float, metavar="MINUTES", help="random faults for so long, in place of the cases"
    )
    parser.add_argument("pytest", nargs="*", help="more arguments for pytest, after --")
    chosen = parser.parse_args()
    first = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1_000_000)
    held: dict[int, bool] = {}
    for seed in range(first, first + chosen.seeds):
        started = time.monotonic()
        held[seed] = _run(seed, chosen) == 0
        sys.stdout.write(f"seed {seed}: {'held' if held[seed] else 'FAILED'}, {time.monotonic() - started:.0f} s\n")
        sys.stdout.flush()
    sys.exit(not all(held.values()))


def _run(seed: int, chosen: argparse.Namespace) -> int:
    soak = chosen.soak is not None
    environment = {
        **os.environ,
        "FAULTS_SEED": str(seed),
        "FAULTS_OUTAGE": str(chosen.outage),
        "FAULTS_SOAK_MINUTES": str(chosen.soak or 0),
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        *PLACES,
        "-q",
        "-m",
        "soak" if soak else "not soak",
        "--timeout",
        str(round(600 + 60 * (chosen.soak or 0) + 4 * chosen.outage)),
        *chosen.pytest,
    ]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # pytest has had it too, and has said what came of it
        main()
    sys.exit(130)
