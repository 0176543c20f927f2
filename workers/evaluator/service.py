"""One evaluator as a process: round after round until a signal or a failure, or one round where that is asked for."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import structlog
from confluent_kafka import KafkaException

from streams.errors import Broken, LookalikeError, ServiceUnavailable, SlowDown
from streams.settings import Settings
from streams.topics import INTERACTION_DEAD_LETTER, INTERACTIONS, REPORTS, RETRAIN, await_topics
from workers.decision.evidence_store import Store
from workers.decision.retrain_policy import folder as decide_folder
from workers.evaluation.config import USUAL
from workers.evaluator.evaluator import Evaluator, ReportScope
from workers.evaluator.health import HealthState, health_report
from workers.evaluator.options import EvaluatorOptions
from workers.interactions.layout import interactions_folder
from workers.interactions.locks import Lock
from workers.process.health_server import HealthServer
from workers.process.ready_file import write_ready_file
from workers.process.shutdown import end_within, on_stop_signal

LOCK = "evaluate"
_UNREACHABLE = 3
_POLL_SECONDS = 0.2
"""The longest that a signal is not noticed between two rounds."""
_log = structlog.get_logger(__name__)


def run_evaluator(settings: Settings, chosen: EvaluatorOptions) -> None:
    """Run until SIGTERM or Ctrl-C, or with `once` for one round.

    Raises LookalikeError if it can't go on, or if another evaluator has this folder; UsageError without the topics or
    for rules that can't be read; ServiceUnavailable if Kafka is unavailable at the start.
    """
    stop = threading.Event()

    def end_after_round() -> None:
        stop.set()
        end_within(chosen.process.grace, lambda: 0)  # whatever it does then: nothing is lost

    on_stop_signal(end_after_round)
    await_topics(settings, INTERACTIONS, INTERACTION_DEAD_LETTER, REPORTS, RETRAIN)
    folder = interactions_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    lock = Lock.acquire(folder, LOCK)
    if lock is None:
        raise LookalikeError(f"another evaluator measures {folder}; end it first")
    try:
        with Store(decide_folder(settings)) as store:
            _Rounds(settings, folder, store, chosen, stop).run()
    except Broken as broken:
        raise LookalikeError(f"the evaluator stopped: {broken}") from broken
    finally:
        lock.release()
    _log.info("ended")


class _Rounds:
    """The rounds of one evaluator, and what its health tells of them."""

    def __init__(
        self, settings: Settings, folder: Path, store: Store, chosen: EvaluatorOptions, stop: threading.Event
    ) -> None:
        self._chosen, self._stop = chosen, stop
        self._begun = False
        self._away: str | None = None
        self._beat_at = self._round_at = time.monotonic()
        self._model: str | None = None
        self._until: str | None = None
        self._named = settings.allowed_hosts
        scope = ReportScope(chosen.days, replace(USUAL, niches=chosen.niches))
        self._evaluator = Evaluator(settings, folder, store, scope, self._beat)

    def run(self) -> None:
        """Rounds with a pause between them; the pause is as long as the round where that took longer."""
        server = None
        if self._chosen.metrics.port is not None:
            server = HealthServer(
                self._chosen.metrics.host, self._chosen.metrics.port, self._document, self._named
            ).start()
        write_ready_file(self._chosen.process.ready_file, None if server is None else server.address)
        _log.info("started")
        try:
            while not self._stop.is_set():
                begun = time.monotonic()
                self._round()
                if self._chosen.once:
                    return
                self._wait(max(self._chosen.interval, time.monotonic() - begun))
        finally:
            if server is not None:
                server.close()

    def _round(self) -> None:
        try:
            report = self._evaluator.round()
        except (SlowDown, KafkaException, ServiceUnavailable, FileNotFoundError) as error:
            # Kafka or a file that was merged meanwhile: the next round finds it back. All else ends the process.
            if self._chosen.once:
                raise
            self._away = str(error)
            _log.warning("waiting", reason=self._away)
            self._beat()
            return
        self._begun, self._away, self._round_at = True, None, time.monotonic()
        if report is not None:
            self._model, self._until = report.model, str(report.until)
        self._beat()

    def _wait(self, seconds: float) -> None:
        """Wait until the next round, or a signal; the heartbeat goes on."""
        deadline = time.monotonic() + seconds
        while not self._stop.is_set() and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _POLL_SECONDS))  # the main thread may not wait for the event: see `on_stop_signal`
            self._beat()

    def _beat(self) -> None:
        self._beat_at = time.monotonic()

    def _document(self) -> dict[str, object]:
        seen = HealthState(self._begun, self._away, self._beat_at, self._round_at, self._model, self._until)
        return health_report(time.monotonic(), seen)
