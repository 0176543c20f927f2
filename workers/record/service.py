"""One recorder as a process: it records until a signal, a failure, or the end of the log where that is asked for."""

import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from streams.failures import Broken, CommandFailed, SlowDown
from streams.hash_key import read_hash_key
from streams.settings import Settings
from streams.topics import INTERACTION_LETTER, INTERACTIONS, await_topics
from workers.health import HealthServer
from workers.index.ending import end_within
from workers.index.letter_limit import LetterLimit
from workers.index.limits import Endings
from workers.ready import tell_ready
from workers.record.begin import begin_fresh
from workers.record.compact import Compactor
from workers.record.files import interactions_folder
from workers.record.health import Seen, document
from workers.record.holdings import Holdings
from workers.record.intake import GROUP
from workers.record.landing import Staging
from workers.record.letters import Letters
from workers.record.memory import set_up
from workers.record.recorder import Bounds, Recorder
from workers.record.writer import Writer

_EXIT_SECONDS = 1.0  # of the grace time, for the interpreter's own end
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Chosen:
    """What the operator chose for this recorder, beyond the settings."""

    bounds: Bounds = Bounds()  # noqa: RUF009 - a frozen value
    endings: Endings = Endings()  # noqa: RUF009 - a frozen value
    once: bool = False
    merge: bool = True
    accept_offsets: bool = False
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"
    ready_file: Path | None = None
    grace: float = 15.0
    """Seconds from SIGTERM to the end of the process."""


def run_recorder(settings: Settings, chosen: Chosen) -> None:
    """Run until SIGTERM or Ctrl-C, or with `once` until the end of the log, then put in place what is in hand.

    Raises CommandFailed: 1 where it can't go on (with the remedy), 2 without the topics, 3 where Kafka is away.
    """
    set_up()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    await_topics(settings, INTERACTIONS, INTERACTION_LETTER)
    folder = interactions_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        begin_fresh(settings, settings.named(GROUP))
        recorder = _recorder(settings, chosen, folder)
    except OSError as error:
        raise CommandFailed(f"{error.filename or folder} can't be written: {error.strerror or error}") from error
    server, compactor = _beside(recorder, chosen, folder)
    try:
        _loop(recorder, chosen, stop, server)
        if stop.is_set():
            end_within(chosen.grace, lambda: 0)
        recorder.close(chosen.grace - _EXIT_SECONDS)
    except (Broken, SlowDown, OSError) as broken:
        end_within(chosen.grace, lambda: 1)
        recorder.leave()
        raise CommandFailed(f"the recorder stopped: {broken}") from broken
    finally:
        compactor.close()
        if server is not None:
            server.close()
    _log.info("ended")


def _recorder(settings: Settings, chosen: Chosen, folder: Path) -> Recorder:
    topic = settings.named(INTERACTIONS)
    limit = LetterLimit(chosen.endings)
    writer = Writer(Staging.make(folder), topic, Letters(settings), limit, lambda: read_hash_key(settings))
    return Recorder(settings, writer, Holdings(folder, topic, accept=chosen.accept_offsets), chosen.bounds)


def _beside(recorder: Recorder, chosen: Chosen, folder: Path) -> tuple[HealthServer | None, Compactor]:
    """What runs in threads of its own: the server of /health, and the merging of small files."""

    def seen() -> Seen:
        return Seen(
            recorder.in_hand, recorder.partitions, recorder.away, recorder.progress_at, recorder.beat_at
        )  # fmt: skip

    server = None
    if chosen.metrics_port is not None:
        server = HealthServer(
            chosen.metrics_host, chosen.metrics_port, lambda: document(time.monotonic(), seen())
        ).start()
    compactor = Compactor(folder, recorder.fail)
    if chosen.merge and not chosen.once:
        compactor.start()
    return server, compactor


def _loop(recorder: Recorder, chosen: Chosen, stop: threading.Event, server: HealthServer | None) -> None:
    ready = False
    while not stop.is_set():
        recorder.step()
        if not ready and recorder.partitions is not None:
            ready = True
            _log.info("started", partitions=recorder.partitions)
            tell_ready(chosen.ready_file, None if server is None else server.address)
        if chosen.once and recorder.drained():
            return
