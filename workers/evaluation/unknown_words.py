"""Recorded words that this version's schema lacks: counted, logged once each, and read as unknown; never an error.

Files outlive versions: a newer recorder may have written a status, a draw or a kind of event that is not known here.
"""

from collections.abc import Iterable

import structlog
from prometheus_client import Counter

UNKNOWN_WORDS = Counter(
    "lookalike_evaluate_unknown_words",
    "Recorded values, at each reading, that the schema of this version lacks; they are read as unknown.",
    ["column"],
)
_MAX_LOGGED = 100
"""Different words that are logged; a column of random bytes fills no log."""
_logged: set[tuple[str, str]] = set()
_log = structlog.get_logger(__name__)


def count_unknown(column: str, words: Iterable[str]) -> None:
    """Count every word given, and log each different one once in the life of the process."""
    found = list(words)
    UNKNOWN_WORDS.labels(column).inc(len(found))
    for word in sorted(set(found)):
        if (column, word) not in _logged and len(_logged) < _MAX_LOGGED:
            _logged.add((column, word))
            _log.warning("unknown_word", column=column, word=word[:100])
