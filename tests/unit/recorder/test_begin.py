"""Where recording goes on: after the files, and never past what was not recorded."""

from pathlib import Path

import pytest

from streams.errors import Broken
from workers.interactions.progress import next_offsets, write_start_offset
from workers.interactions.schema import COLUMNS
from workers.interactions.staging import write_file
from workers.recorder.start_offset import PartitionProgress, resume_offset

FOLDER = Path("/data/interactions")


@pytest.mark.parametrize(
    ("recorded", "committed", "first", "end", "at"),
    [
        pytest.param(100, 100, 0, 200, 100, id="where both are"),
        pytest.param(100, 60, 0, 200, 100, id="killed before the commit: the files know better"),
        pytest.param(100, None, 0, 200, 100, id="never committed"),
        pytest.param(100, 100, 100, 100, 100, id="at the end of a log that is all expired"),
        pytest.param(None, None, 0, 50, 0, id="a new partition"),
    ],
)
def test_it_goes_on(recorded: int | None, committed: int | None, first: int, end: int, at: int) -> None:
    """At the first offset that is not recorded."""
    assert resume_offset(PartitionProgress("t", 3, recorded, committed, first, end), FOLDER) == at


@pytest.mark.parametrize(
    ("recorded", "committed", "first", "end", "words", "accepted"),
    [
        pytest.param(100, 150, 0, 200, "files are missing", 100, id="files behind the group"),
        pytest.param(None, 150, 0, 200, "files are missing", 0, id="no files"),
        pytest.param(None, 0, 0, 200, "files are missing", 0, id="no files, and the group began"),
        pytest.param(100, 100, 120, 200, "expired before", 120, id="expired"),
        pytest.param(None, None, 120, 200, "files are missing", 120, id="a partition that others began without"),
        pytest.param(100, 100, 0, 50, "the topic is another", 0, id="a topic made anew"),
    ],
)
def test_it_never_jumps(
    recorded: int | None, committed: int | None, first: int, end: int, words: str, accepted: int
) -> None:
    """The line names the place, what is wrong and the remedy; `accept` begins at the earliest that can be had."""
    place = PartitionProgress("t", 3, recorded, committed, first, end)
    with pytest.raises(Broken, match=f"t partition 3.*{words}.*--accept-offsets"):
        resume_offset(place, FOLDER)
    assert resume_offset(place, FOLDER, accept=True) == accepted


def test_what_the_folder_says(tmp_path: Path) -> None:
    """The highest offset of any day counts, or where recording began; other topics don't."""
    assert next_offsets(tmp_path, "a_interactions") == {}
    for name in ("a_interactions-3-0-9", "a_interactions-3-10-19", "a_interactions-4-0-5", "interactions-3-0-99"):
        write_file(tmp_path / "day=2026-11-20" / f"{name}.parquet", COLUMNS.empty_table())
    write_file(tmp_path / "day=2026-11-21" / "a_interactions-3-20-29.parquet", COLUMNS.empty_table())
    write_start_offset(tmp_path, "a_interactions", 4, 0)
    write_start_offset(tmp_path, "a_interactions", 5, 77)
    assert next_offsets(tmp_path, "a_interactions") == {3: 30, 4: 6, 5: 77}
