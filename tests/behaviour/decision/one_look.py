"""A process that makes one look by hand, and dies where it is told to: `one_look.py FOLDER MODEL [WHERE]`.

WHERE names a method of the store or of the producer, `-` before it or `+` after it; `freeze` there stops it instead.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from streams import clients
from streams.settings import Settings
from workers.decision import retrain_requests
from workers.decision.decision_round import RoundRequest, run_round
from workers.decision.evidence_store import Store
from workers.decision.retrain_policy import RetrainPolicy
from workers.decision.signals import Signals


class Deadly:
    """Passes every call on; ends or stops the process before or after one of them."""

    def __init__(self, inner: Any, where: str, number: int) -> None:
        self._inner, self._where, self._number = inner, where, number

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if self._where[1:] != name:
            return found
        return lambda *args, **named: self._call(found, *args, **named)

    def _call(self, found: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if self._where[0] == "-":
            os.kill(os.getpid(), self._number)
        result = found(*args, **named)
        if self._where[0] == "+":
            os.kill(os.getpid(), self._number)
        return result


def main() -> None:
    """One look; what a hand asks for needs no evidence."""
    folder, model, where, *more = [*sys.argv[1:], "none"]
    number = signal.SIGSTOP if "freeze" in more else signal.SIGKILL
    made = clients.producer
    retrain_requests.producer = lambda *args, **named: Deadly(made(*args, **named), where, number)  # type: ignore[assignment, attr-defined]
    settings = Settings()
    with Store(Path(folder)) as store:
        run_round(
            Deadly(store, where, number),  # type: ignore[arg-type]
            [],
            lambda _alarm: Signals(live=model),
            RetrainPolicy.model_validate({}),
            retrain_requests.RetrainLog(settings),
            RoundRequest(now=datetime.now(UTC), manual_reason="a test"),
        )


if __name__ == "__main__":
    main()
