"""How well it works, measured: `python -m tests.benchmarks [--quick] [--only a,b,…] [--backlog N] [--json]`.

Starts servers of its own on free ports, in a temporary folder. A table on stdout, progress on stderr. Exit 0 where all
was measured, also where an aim was missed: the table says so.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

from streams.errors import LookalikeError
from streams.logging_setup import set_up_log

from . import (
    coverage,
    coverage_of_days,
    encoder_busy,
    evaluating,
    explaining,
    false_alarms,
    power,
    recording,
    siglip,
    similar_by_id,
    throughput,
    useful_work,
    visible_shelves,
    withdrawing,
)
from .bench import Bench, ground
from .processes import ROOT, Failed
from .report import Figure, as_table

PARTS: dict[str, Callable[[Bench], list[Figure]]] = {
    "a": encoder_busy.measure,
    "b": useful_work.measure,
    "c": siglip.measure,
    "d": throughput.measure,
    "e": explaining.measure,
    "f": withdrawing.measure,
    "g": recording.measure,
    "h": similar_by_id.measure,
    "i": evaluating.measure,
    "j": coverage.measure,
    "k": false_alarms.measure,
    "l": power.measure,
    "m": coverage_of_days.measure,
    "n": visible_shelves.measure,
}


def main() -> None:
    """Measure the parts asked for and print them."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="fewer events: under two minutes, wider spread")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    parser.add_argument("--backlog", type=int, metavar="EVENTS", help="f: how far the worker is behind (100000)")
    parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON document on stdout")
    chosen = parser.parse_args()
    parts = [each.strip() for each in chosen.only.split(",")]
    if unknown := sorted(set(parts) - set(PARTS)):
        known = "a encoder busy, b useful work, c SigLIP B/16-256, d throughput, e explain, f takedown"
        known += (
            ", g recorder, h similar by listing, i evaluate, j coverage, k false alarms, l power, m coverage of days"
        )
        known += ", n visible shelves"
        parser.error(f"no part {unknown[0]}: {known}")
    sys.path.insert(0, str(ROOT / "tests" / "support"))  # what the tests share
    from reaper import reap_at_end

    reap_at_end()
    set_up_log("console", level=30)
    started, load = time.monotonic(), os.getloadavg()[0]
    try:
        with ground(quick=chosen.quick, backlog=chosen.backlog or (10_000 if chosen.quick else 100_000)) as bench:
            figures = [figure for part in parts for figure in PARTS[part](bench)]
    except (Failed, LookalikeError) as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
    machine: dict[str, Any] = {
        "cores": os.cpu_count(),
        "load_before": round(load, 2),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "seconds": round(time.monotonic() - started),
        "quick": chosen.quick,
    }
    if chosen.as_json:
        text = json.dumps({"machine": machine, "figures": [each.document() for each in figures]}, indent=2)
    else:
        text = as_table(figures) + "\n\n" + ", ".join(f"{name}: {value}" for name, value in machine.items())
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
