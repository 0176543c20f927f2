"""How far the records reach: what moves it, and what does not."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from workers.evaluator.day_closing import days_to_close
from workers.interactions.layout import file_name
from workers.interactions.reach import NEWEST, latest_event_time, reach
from workers.interactions.schema import COLUMNS

NOON = datetime(2025, 3, 9, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def _write(folder: Path, times: list[datetime]) -> None:
    """A click at each of these times, in the folders of their days."""
    for day in sorted({at.date() for at in times}):
        here = [at for at in times if at.date() == day]
        rows = [{"event": "click", "at": at, "partition": 0, "offset": place} for place, at in enumerate(here)]
        place = folder / f"day={day.isoformat()}"
        place.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows, COLUMNS), place / file_name("interactions", 0, 0, len(here) - 1))


def test_nothing_recorded_reaches_nowhere(tmp_path: Path) -> None:
    """A folder that is not there, or has no events, says None."""
    assert latest_event_time(tmp_path / "none") is None
    (tmp_path / "day=2025-03-09").mkdir()
    assert latest_event_time(tmp_path) is None


def test_of_few_events_the_oldest_counts(tmp_path: Path) -> None:
    """Fewer than a hundred reach no further than the oldest of them, whichever day it is of."""
    _write(tmp_path, [NOON, NOON + timedelta(days=1), NOON + timedelta(days=3)])
    assert latest_event_time(tmp_path) == NOON


def test_it_is_the_hundredth_newest_across_days(tmp_path: Path) -> None:
    """Days are gone back through until a hundred events are found, and no further."""
    times = [NOON + hours * timedelta(hours=1) for hours in range(2 * NEWEST)]
    _write(tmp_path, times)
    assert latest_event_time(tmp_path) == times[-NEWEST]


def test_events_of_a_wrong_clock_move_nothing(tmp_path: Path) -> None:
    """One event of the year 2099 moves it by one event, not by decades."""
    times = [NOON + place * MINUTE for place in range(NEWEST)]
    _write(tmp_path, [*times, datetime(2099, 1, 1, tzinfo=UTC)])
    assert latest_event_time(tmp_path) == NOON + MINUTE


def test_only_the_newest_days_are_read(tmp_path: Path) -> None:
    """What is not needed for it is not opened: an older file that can't be read does no harm."""
    _write(tmp_path, [NOON + place * MINUTE for place in range(NEWEST)])
    old = tmp_path / "day=2025-03-01"
    old.mkdir()
    (old / file_name("interactions", 0, 0, 9)).write_bytes(b"no Parquet")
    assert latest_event_time(tmp_path) == NOON


def test_a_hundred_events_ahead_of_their_records_move_nothing(tmp_path: Path) -> None:
    """Of any year to the last: they are later than Kafka took them in, so their days are ignored, and said."""
    times = [NOON + place * MINUTE for place in range(NEWEST)]
    _write(tmp_path, times)
    for day in (datetime(2099, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)):
        rows = [{"event": "click", "at": day, "recorded_at": NOON, "partition": 1, "offset": n} for n in range(300)]
        place = tmp_path / f"day={day:%Y-%m-%d}".replace("day=1-", "day=0001-")
        place.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows, COLUMNS), place / file_name("interactions", 1, 0, 299))
    found = reach(tmp_path)
    assert found is not None
    assert found.until == NOON
    assert found.days == (NOON.date(),)
    assert found.ignored == ("0001-01-01", "2099-01-01", "9999-12-31")
    assert found.ignored_message().startswith(
        "3 days of recorded interactions are ignored: 0001-01-01, 2099-01-01, 9999-12-31;"
    )
    assert days_to_close([date(9999, 12, 31), date(2099, 1, 1), date(1, 1, 1)], None, found.until) == []
