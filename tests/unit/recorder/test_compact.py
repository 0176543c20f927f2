"""Merging small files: no record lost or doubled, whatever a reader or a kill meets in between."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recording import KILLED
from workers.interactions.layout import STAGING, DataFile, data_files, file_name
from workers.interactions.scan import collect, scan
from workers.interactions.schema import COLUMNS
from workers.interactions.staging import NewFile, Staging, commit, publish, recover, stage, write_file
from workers.recorder.compaction import LEVELS, Compactor, SizedFile, compact, files_to_merge

DAY = "2026-11-20"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def rows(partition: int, first: int, last: int) -> pa.Table:
    """A click for each offset."""
    said = {"event": "click", "request_id": "r", "at": AT, "recorded_at": AT, "listing_id": "m1"}
    return pa.Table.from_pylist(
        [
            said | {"event_id": f"{partition}-{each}", "partition": partition, "offset": each}
            for each in range(first, last + 1)
        ],
        schema=COLUMNS,
    )


def write(folder: Path, partition: int, first: int, last: int, day: str = DAY) -> Path:
    """A data file of these offsets."""
    path = folder / f"day={day}" / file_name("interactions", partition, first, last)
    write_file(path, rows(partition, first, last))
    return path


def places(folder: Path) -> Counter[tuple[int, int]]:
    """What a reader gets."""
    return Counter(collect(lambda: scan(folder)).select("partition", "offset").iter_rows())


def small_files(folder: Path) -> Counter[tuple[int, int]]:
    """Twenty small files of two partitions, and one of a third; what is in them."""
    for number in range(10):
        write(folder, 0, number * 5, number * 5 + 4)
        write(folder, 1, number * 7, number * 7 + 6)
    write(folder, 2, 0, 3)
    return places(folder)


def test_small_neighbours_become_one(tmp_path: Path) -> None:
    """The rows stay the same and in order; the name answers for all their offsets; a single file is left alone."""
    before = small_files(tmp_path)
    assert compact(tmp_path) == 20
    assert places(tmp_path) == before
    assert sorted(each.path.name for each in data_files(tmp_path)) == [
        "interactions-0-0-49.parquet",
        "interactions-1-0-69.parquet",
        "interactions-2-0-3.parquet",
    ]
    frame = pl.read_parquet(tmp_path / f"day={DAY}" / "interactions-0-0-49.parquet")
    assert frame["offset"].to_list() == list(range(50))
    assert compact(tmp_path) == 0
    assert not list((tmp_path / STAGING).iterdir())


STEPS = [
    ("merge", "before"),
    ("merge", "after"),
    ("link_others", "after"),
    ("exchange", "before"),
    ("exchange", "after"),
    ("swap_day", "after"),
    ("shutil.rmtree", "before"),
]


@pytest.mark.parametrize(("name", "when"), STEPS)
def test_killed_at_each_step(tmp_path: Path, name: str, when: str) -> None:
    """What a reader gets is the same right after the kill, after the next start has swept, and after merging again."""
    before = small_files(tmp_path)
    command = f"{KILLED.split('from workers.cli')[0]}from pathlib import Path\nplace.compact(Path({str(tmp_path)!r}))"
    ended = subprocess.run(
        [sys.executable, "-c", command, "step", "workers.recorder.compaction", name, when],
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        capture_output=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert places(tmp_path) == before
    recover(tmp_path)
    assert not list((tmp_path / STAGING).iterdir())
    assert places(tmp_path) == before
    compact(tmp_path)
    assert places(tmp_path) == before
    assert len(list(data_files(tmp_path))) == 3


def test_readers_and_a_recorder_beside_it(tmp_path: Path) -> None:
    """While files come and are merged, a reading has each record once at most, and none that it had is gone."""
    done, wrong = threading.Event(), list[str]()

    def read() -> None:
        least = Counter[tuple[int, int]]()
        while not done.is_set():
            found = places(tmp_path)
            if max(found.values(), default=1) > 1 or not least <= found:
                wrong.append(f"{found - least} {least - found}")
            least = found

    reader = threading.Thread(target=read, name="record-reader")
    reader.start()
    staging = Staging.create(tmp_path)
    for number in range(60):
        name = file_name("interactions", 0, number * 2, number * 2 + 1)
        publish(tmp_path, commit(staging, stage(staging, [NewFile(DAY, name, rows(0, number * 2, number * 2 + 1))])))
        if number % 5 == 4:
            compact(tmp_path, fewest=3)
    done.set()
    reader.join(10)
    staging.close()
    assert not wrong
    assert places(tmp_path) == Counter((0, offset) for offset in range(120))


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([1, *LEVELS, 10**9])), max_size=40), st.integers(2, 8))
def test_what_is_merged_are_neighbours(drawn: list[tuple[int, int]], fewest: int) -> None:
    """Each run is of one partition, of that many files at least, with no file between them, and none is in two."""
    files = [
        SizedFile(DataFile(Path(str(number)), DAY, "t", partition, number * 10, number * 10 + 9), size)
        for number, (partition, size) in enumerate(drawn)
    ]
    found = files_to_merge(files, fewest)
    merged = [each.first for run in found for each in run]
    assert len(merged) == len(set(merged))
    for run in found:
        assert len(run) >= fewest
        assert len({each.partition for each in run}) == 1
        of_partition = [each.file.first for each in files if each.file.partition == run[0].partition]
        between = [first for first in of_partition if run[0].first <= first <= run[-1].first]
        assert [each.first for each in run] == between


def test_a_file_system_that_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where two folders can't be exchanged, it says so, and everything is as it was."""
    before = small_files(tmp_path)

    def refused(*_: object) -> None:
        raise OSError(22, "two folders can't be exchanged here")

    monkeypatch.setattr("workers.recorder.compaction.exchange", refused)
    with pytest.raises(OSError, match="can't be exchanged"):
        compact(tmp_path)
    assert places(tmp_path) == before
    assert len(list(data_files(tmp_path))) == 21


def test_a_failure_of_its_thread_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw reaches whoever runs it."""
    told = list[BaseException]()

    def broken(_: Path) -> int:
        raise ValueError("no")

    monkeypatch.setattr("workers.recorder.compaction.compact", broken)
    monkeypatch.setattr("workers.recorder.compaction._EVERY_SECONDS", 0.01)
    compactor = Compactor(tmp_path, told.append)
    compactor.start()
    _await(lambda: bool(told))
    compactor.close()
    assert isinstance(told[0], ValueError)


def _await(condition: Callable[[], bool]) -> None:
    from awaiting import eventually

    eventually(condition, "it is told", seconds=5)
