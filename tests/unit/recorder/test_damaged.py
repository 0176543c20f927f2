"""Damaged files are named and left out; the others are read, merged beside them, and the file stays as it was."""

from pathlib import Path

import pytest

from workers.interactions.damaged_files import describe_damage, find_damaged_files
from workers.interactions.layout import data_files, file_name
from workers.interactions.scan import collect, scan
from workers.interactions.schema import COLUMNS
from workers.interactions.staging import write_file
from workers.recorder.compaction import compact

DAY = "2026-11-20"


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (b"", "it has 0 bytes"),
        (b"garbage " * 100, "is no Parquet file"),
        (None, "its end is missing"),
    ],
)
def test_a_damaged_file(kept: bytes | None, said: str, tmp_path: Path) -> None:
    """Empty, garbage, or half of it: one line says which file and what to do; merging does not touch it."""
    for first in range(0, 60, 10):
        write_file(tmp_path / f"day={DAY}" / file_name("interactions", 0, first, first + 9), COLUMNS.empty_table())
    path = next(each.path for each in data_files(tmp_path) if each.first == 20)
    content = path.read_bytes()[:1_000] if kept is None else kept
    path.write_bytes(content)
    assert collect(lambda: scan(tmp_path)).height == 0
    words = describe_damage(find_damaged_files(tmp_path))
    assert str(path) in words
    assert said in words
    compact(tmp_path, fewest=2)
    assert sorted((each.first, each.last) for each in data_files(tmp_path)) == [(0, 19), (20, 29), (30, 59)]
    assert path.read_bytes() == content


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    """It is named, and left out."""
    (tmp_path / f"day={DAY}" / file_name("interactions", 0, 0, 9)).mkdir(parents=True)
    assert collect(lambda: scan(tmp_path)).height == 0
    assert "Is a directory" in describe_damage(find_damaged_files(tmp_path))
