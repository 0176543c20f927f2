"""The process that serves Milvus Lite: `python -m workers.local.serve_milvus FOLDER HOST PORT`."""

import signal
import sys

from milvus_lite.cmdline import main  # type: ignore[import-untyped]  # ships no types

if __name__ == "__main__":
    folder, host, port = sys.argv[1:]
    # Milvus Lite closes its data on KeyboardInterrupt alone; the supervisor ends it with SIGTERM.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(["server", "--data-dir", folder, "--host", host, "--port", port]))
