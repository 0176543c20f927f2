"""Figures of a folder of recorded interactions, as a process of its own.

`python -m tests.benchmarks.evaluate_folder FOLDER SINCE UNTIL REPORT` writes what it found, and what it took.
"""

import json
import resource
import sys
from datetime import date
from pathlib import Path

from workers.evaluation.config import USUAL
from workers.evaluation.day_statistics import folder_stats
from workers.evaluation.estimates import Figure
from workers.evaluation.exact_sums import merge_days
from workers.evaluation.figures import figures
from workers.evaluation.reader import Days


def main(folder: str, since: str, until: str, report: str) -> None:
    """All days, their sums, the figures of the whole with their intervals."""
    days = Days.of(Path(folder), date.fromisoformat(since), date.fromisoformat(until))
    found = figures(merge_days(stats for _, stats in folder_stats(days)))
    told = {name: each for name, each in found.by_slice["all", ""].items() if isinstance(each, Figure)}
    times = resource.getrusage(resource.RUSAGE_SELF)
    Path(report).write_text(
        json.dumps(
            {
                "figures": {name: [each.value, each.interval.low, each.interval.high] for name, each in told.items()},
                "shelves": told["DCG@5"].shelves,
                "replicates": USUAL.replicates,
                "cpu": times.ru_utime + times.ru_stime,
                "peak": times.ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
