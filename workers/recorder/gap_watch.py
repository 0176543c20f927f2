"""Missing and damaged files of interactions, looked for while a recorder runs: said in the log and in a metric."""

from pathlib import Path

import structlog

from workers.interactions.damaged_files import describe_damage, find_damaged_files
from workers.interactions.gaps import describe_gaps, find_gaps
from workers.recorder import metrics

_log = structlog.get_logger(__name__)


class GapWatch:
    """Says in the log what is missing or damaged, when it changes, and in a metric how much is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._said, self._broken = folder, "", ""

    def check(self) -> None:
        """Look for holes now."""
        found, broken = find_gaps(self._folder), describe_damage(find_damaged_files(self._folder))
        if broken != self._broken:
            _log.warning("damaged", why=broken or "none any more")
        self._broken = broken
        metrics.MISSING.set(sum(each.records for each in found))
        said = describe_gaps(found)
        if said != self._said:
            _log.warning("holes", why=said or "none any more")
        self._said = said
