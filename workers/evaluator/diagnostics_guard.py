"""Diagnostics one by one: one that fails is not known, with its reason, counted and logged; it ends no round."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from workers.evaluator import metrics

T = TypeVar("T")
_log = structlog.get_logger(__name__)


@dataclass
class DiagnosticsGuard:
    """Runs the diagnostics of one round and keeps the reasons of those that failed, by name."""

    unknown: dict[str, str] = field(default_factory=dict)

    def measure(self, name: str, diagnostic: Callable[[], T]) -> T | None:
        """What `diagnostic` returns; None if it fails, whatever the reason is."""
        try:
            return diagnostic()
        except Exception as error:  # noqa: BLE001 - a diagnostic stands beside the decision and never prevents it
            self.fail(name, reason_of(error))
            return None

    def fail(self, name: str, reason: str) -> None:
        """Note that a diagnostic is not known."""
        metrics.DIAGNOSTICS_FAILED.labels(name).inc()
        _log.warning("diagnostic_failed", diagnostic=name, error=reason)
        self.unknown[name] = reason


def reason_of(error: BaseException) -> str:
    """An error in one line; its type if it says nothing, or if only a programmer reads what it says.

    >>> reason_of(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    """
    lines = str(error).splitlines()
    text = " ".join(line.strip() for line in lines[:3])[:300]
    ours = type(error).__module__.startswith(("streams", "workers"))
    return text if ours and text else f"{type(error).__name__}: {text}".removesuffix(": ")
