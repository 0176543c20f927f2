"""One recorder as a process: it records until a signal, a failure, or the end of the log where that is asked for."""

import threading
import time
from pathlib import Path

import structlog

from streams.errors import Broken, LookalikeError, SlowDown
from streams.groups import RECORD
from streams.hash_key_pin import check_own_key
from streams.keyed_hash import read_hash_key
from streams.settings import Settings
from streams.topics import INTERACTION_DEAD_LETTER, INTERACTIONS, await_topics
from workers.interactions.layout import interactions_folder
from workers.interactions.staging import Staging
from workers.process.dead_letter_limit import DeadLetterLimit
from workers.process.health_server import HealthServer
from workers.process.ready_file import write_ready_file
from workers.process.shutdown import end_within, on_stop_signal
from workers.recorder.compaction import Compactor
from workers.recorder.dead_letters import DeadLetterProducer
from workers.recorder.gap_watch import GapWatch
from workers.recorder.health import HealthState, health_report
from workers.recorder.lineage import RecordedLog
from workers.recorder.options import RecorderOptions
from workers.recorder.partitions import OwnedPartitions
from workers.recorder.process_setup import configure_runtime
from workers.recorder.recorder import Recorder
from workers.recorder.start_offset import initialise_start_offsets
from workers.recorder.writer import Writer

_EXIT_SECONDS = 1.0  # of the grace time, for the interpreter's own end
_log = structlog.get_logger(__name__)


def run_recorder(settings: Settings, chosen: RecorderOptions) -> None:
    """Run until SIGTERM or Ctrl-C, or with `once` until the end of the log, then put in place what is in hand.

    Raises LookalikeError if it can't go on (with the remedy), UsageError without the topics or with another hash key,
    ServiceUnavailable if Kafka is unavailable.
    """
    configure_runtime()
    stop = threading.Event()
    on_stop_signal(stop.set)
    await_topics(settings, INTERACTIONS, INTERACTION_DEAD_LETTER)
    check_own_key(settings)
    folder = interactions_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        initialise_start_offsets(settings, settings.named(RECORD))
        GapWatch(folder).check()
        recorder = _recorder(settings, chosen, folder)
    except OSError as error:
        raise LookalikeError(f"{error.filename or folder} can't be written: {error.strerror or error}") from error
    server, compactor = _beside(recorder, chosen, folder, settings.allowed_hosts)
    try:
        _loop(recorder, chosen, stop, server)
        if stop.is_set():
            end_within(chosen.process.grace, lambda: 0)
        recorder.close(chosen.process.grace - _EXIT_SECONDS)
    except (Broken, SlowDown, OSError) as broken:
        end_within(chosen.process.grace, lambda: 1)
        recorder.leave()
        raise LookalikeError(f"the recorder stopped: {broken}") from broken
    finally:
        compactor.close()
        if server is not None:
            server.close()
    _log.info("ended")


def _recorder(settings: Settings, chosen: RecorderOptions, folder: Path) -> Recorder:
    topic = settings.named(INTERACTIONS)
    limit = DeadLetterLimit(chosen.dead_letter_policy)
    staging, letters = Staging.create(folder), DeadLetterProducer(settings)
    writer = Writer(staging, topic, letters, limit, lambda: read_hash_key(settings), chosen.skips)
    return Recorder(
        settings,
        writer,
        OwnedPartitions(folder, topic, RecordedLog(settings, folder, topic), accept=chosen.accept_offsets),
        chosen.batch_limits,
    )


def _beside(
    recorder: Recorder, chosen: RecorderOptions, folder: Path, named: tuple[str, ...]
) -> tuple[HealthServer | None, Compactor]:
    """What runs in threads of its own: the server of /health, and the merging of small files."""

    def seen() -> HealthState:
        return HealthState(
            recorder.in_flight, recorder.partitions, recorder.unavailable, recorder.progress_at, recorder.beat_at
        )

    server = None
    if chosen.metrics.port is not None:
        server = HealthServer(
            chosen.metrics.host, chosen.metrics.port, lambda: health_report(time.monotonic(), seen()), named
        ).start()
    compactor = Compactor(folder, recorder.fail)
    if chosen.merge and not chosen.once:
        compactor.start()
    return server, compactor


def _loop(recorder: Recorder, chosen: RecorderOptions, stop: threading.Event, server: HealthServer | None) -> None:
    ready = False
    while not stop.is_set():
        recorder.step()
        if not ready and recorder.partitions is not None:
            ready = True
            _log.info("started", partitions=recorder.partitions)
            write_ready_file(chosen.process.ready_file, None if server is None else server.address)
        if chosen.once and recorder.drained():
            return
