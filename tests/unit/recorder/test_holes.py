"""Ranges that no file answers for."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from workers.interactions.gaps import Gap, describe_gaps, find_gaps, gaps_between
from workers.interactions.layout import DataFile, data_files, file_name
from workers.interactions.progress import write_start_offset
from workers.interactions.schema import COLUMNS
from workers.interactions.staging import write_file
from workers.recorder import metrics
from workers.recorder.compaction import compact
from workers.recorder.gap_watch import GapWatch

DAY = "2026-11-20"
NEXT = "2026-11-21"


def of(*ranges: tuple[int, int], day: str = DAY) -> list[DataFile]:
    """Files of these ranges."""
    return [DataFile(Path(), day, "interactions", 0, first, last) for first, last in ranges]


@pytest.mark.parametrize(
    ("files", "begun", "expected"),
    [
        (of((0, 9), (10, 19)), 0, []),
        (of((0, 9), (20, 29)), 0, [(10, 19)]),
        (of((10, 19)), 0, [(0, 9)]),
        (of((10, 19)), 10, []),
        (of((10, 19)), None, []),
        (of((0, 9)) + of((10, 19), day=NEXT) + of((20, 29)), 0, []),
        (of((0, 9), (0, 9), (10, 29), (12, 19), (30, 31)), 0, []),
        (of((0, 9), (100, 109)), 100, []),
        (of((0, 9), (150, 159)), 100, [(100, 149)]),
        (of((0, 9), (20, 29), (100, 109)), 100, [(10, 19)]),
        ([], 0, []),
    ],
)
def test_what_is_a_hole(files: list[DataFile], begun: int | None, expected: list[tuple[int, int]]) -> None:
    """What lies between two ranges; not what another day has, nor what was stepped over by hand."""
    known = {} if begun is None else {("interactions", 0): begun}
    found = [(each.first, each.last) for each in gaps_between(files, known)]
    assert found == expected


def test_merging_hides_no_hole(tmp_path: Path) -> None:
    """A lost file stays visible when its neighbours are merged, each side for itself."""
    for first in range(0, 60, 10):
        name = file_name("interactions", 0, first, first + 9)
        write_file(tmp_path / f"day={DAY}" / name, COLUMNS.empty_table())
    write_start_offset(tmp_path, "interactions", 0, 0)
    assert find_gaps(tmp_path) == []
    next(each.path for each in data_files(tmp_path) if each.first == 20).unlink()
    missing = [Gap("interactions", 0, 20, 29, DAY, DAY)]
    assert find_gaps(tmp_path) == missing
    compact(tmp_path, fewest=2)
    assert sorted((each.first, each.last) for each in data_files(tmp_path)) == [(0, 19), (30, 59)]
    assert find_gaps(tmp_path) == missing
    assert "10 recorded offsets are in no file (interactions partition 0, offsets 20 to 29)" in describe_gaps(missing)


def test_a_recorder_says_it_when_it_changes(tmp_path: Path) -> None:
    """Once, with the remedy, and in a metric; and once that it is filled again."""
    for first in range(0, 30, 10):
        write_file(tmp_path / f"day={DAY}" / file_name("interactions", 0, first, first + 9), COLUMNS.empty_table())
    lost = next(each.path for each in data_files(tmp_path) if each.first == 10)
    content, watch = lost.read_bytes(), GapWatch(tmp_path)
    said = list[str]()
    for there in (True, False, False, True, True):
        if there:
            lost.write_bytes(content)
        else:
            lost.unlink(missing_ok=True)
        with capture_logs() as lines:
            watch.check()
        said += [str(each["why"]) for each in lines if each["event"] == "holes"]
        assert metrics.MISSING._value.get() == (0 if there else 10)
    missing, filled = said
    assert "offsets 10 to 19" in missing
    assert "lookalike fill-holes" in missing
    assert filled == "none any more"
