"""The real index worker with a stand-in encoder: `python -m tests.benchmarks.index_worker gpu|free READY REPORT`.

Writes beside its work what only it knows: the names of its threads (REPORT.threads) and, at its end, what its
encoder did (REPORT).
"""

import json
import logging
import sys
import threading
import time
from pathlib import Path

from streams.logging_setup import set_up_log
from streams.settings import read_settings
from workers.indexer.config import IndexerOptions
from workers.indexer.service import run_with
from workers.process import atomic_write
from workers.process.options import ProcessOptions

from .encoders import DIMENSIONS, FREE, GPU, StandIn


def _write_thread_names(path: Path) -> None:
    """Once a second; threads that have ended keep their name."""
    names: dict[int, str] = {}
    while True:
        names |= {each.native_id: each.name for each in threading.enumerate() if each.native_id is not None}
        atomic_write.write_text(path, json.dumps(names), durable=False)
        time.sleep(1.0)


def main(kind: str, ready: Path, report: Path) -> None:
    """Run until SIGTERM."""
    set_up_log("json", logging.WARNING)
    names = report.with_suffix(".threads")
    threading.Thread(target=_write_thread_names, args=(names,), name="bench-names", daemon=True).start()
    encoder = StandIn(GPU if kind == "gpu" else FREE)
    try:
        run_with(read_settings(), IndexerOptions(process=ProcessOptions(ready_file=ready)), encoder, DIMENSIONS)
    finally:
        report.write_text(json.dumps(encoder.used.document()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
