"""The most recent records of a partition: the marks that a commit carries."""

from collections import deque
from itertools import islice

from streams.log_identity import MARKS, Mark


class RecentRecords:
    """The marks of recent records, by offset. Not thread-safe."""

    def __init__(self) -> None:
        self._marks: deque[Mark] = deque()

    def came_before(self, marks: tuple[Mark, ...]) -> None:
        """Set the marks from before the assignment, in order; they precede all that are added."""
        self._marks.extendleft(reversed(marks))

    def add(self, mark: Mark) -> None:
        """Add the mark of the next record."""
        self._marks.append(mark)

    def before(self, offset: int) -> tuple[Mark, ...]:
        """The last `MARKS` marks before `offset`. Older ones are dropped: `offset` must not decrease between calls."""
        while len(self._marks) > MARKS and self._marks[MARKS].offset < offset:
            self._marks.popleft()
        return tuple(mark for mark in islice(self._marks, MARKS) if mark.offset < offset)
