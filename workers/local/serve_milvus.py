"""The process that serves Milvus Lite: `python -m workers.local.serve_milvus FOLDER HOST PORT`."""

import signal
import sys

from milvus_lite.cmdline import main  # type: ignore[import-untyped]  # ships no types

# Milvus Lite locks neither its log nor its memory: calls that write at once leave a log that can't be read after
# SIGKILL, and a read beside a flush misses what is on its way to the disk. One thread takes the calls in turn.
THREADS = 1

if __name__ == "__main__":
    folder, host, port = sys.argv[1:]
    # Milvus Lite closes its data on KeyboardInterrupt alone; the supervisor ends it with SIGTERM.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    place = ["--data-dir", folder, "--host", host, "--port", port]
    sys.exit(main(["server", *place, "--max-workers", str(THREADS)]))
