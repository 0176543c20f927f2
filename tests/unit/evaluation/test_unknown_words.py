"""A recorded word that this version's schema lacks is unknown and counted: it ends nothing and moves no other shelf."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from workers.decision.evidence_units import evidence_days
from workers.evaluation.reader import read_shelves
from workers.evaluation.shelves import DRAWN, STATUSES, TEAMS, Shelves
from workers.evaluation.unknown_words import UNKNOWN_WORDS
from workers.simulate.parquet import write_parquet

DAY, AFTER = date(2026, 9, 1), date(2026, 9, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A day of a market."""
    write_parquet(tmp_path, "calm", days=1, shelves_per_day=80, listings=300)
    return tmp_path


def rewrite(folder: Path, **columns: pl.Expr) -> None:
    """Change columns of every recorded file, as a later version might have written them."""
    for path in folder.glob("day=*/*.parquet"):
        rows = pl.read_parquet(path)
        rows.with_columns(**columns).select(rows.columns).write_parquet(path)


def counted(column: str) -> float:
    """So many values of a column were unknown, up to now."""
    value: float = UNKNOWN_WORDS.labels(column)._value.get()
    return value


def shelves(folder: Path) -> Shelves:
    """Those of the day."""
    return read_shelves(folder, DAY, AFTER)


@pytest.mark.parametrize("word", ["reverse", "Ärger", "x" * 500, "no "])
def test_an_unknown_draw_is_in_neither_source(folder: Path, word: str) -> None:
    """It is not the live model's own order, and not an interleaved shelf."""
    before, count = shelves(folder), counted("drawn")
    rewrite(folder, drawn=pl.when(pl.col("drawn") == "interleave").then(pl.lit(word)).otherwise(pl.col("drawn")))
    after = shelves(folder)
    assert len(after) == len(before)
    lost = before.drawn == DRAWN.index("interleave")
    assert lost.any()
    assert (after.drawn[lost] == DRAWN.index("unknown")).all()
    assert (after.drawn[~lost] == before.drawn[~lost]).all()
    assert counted("drawn") == count + lost.sum()
    assert {each.source for each in evidence_days(before)} == {"concurrent", "observed"}
    own = [sum(len(day.codes) for day in evidence_days(each) if day.source == "observed") for each in (before, after)]
    assert own[0] == own[1]
    assert {each.source for each in evidence_days(after)} == {"observed"}


def test_unknown_words_of_items(folder: Path) -> None:
    """Team and status are as if they were not given; a place beyond 16 bits is the last one."""
    before = shelves(folder)
    item = pl.element().struct.with_fields(
        pl.lit("third").alias("team"),
        pl.lit("on_loan").alias("status"),
        (pl.field("position") + 100_000).alias("position"),
    )
    rewrite(folder, items=pl.col("items").list.eval(item))
    after = shelves(folder)
    assert np.array_equal(after.listing, before.listing)
    assert not after.team.any()
    assert not after.status.any()
    assert TEAMS[0] == STATUSES[0] == ""
    assert set(after.position[after.shown].tolist()) == {32_767}


def test_an_unknown_kind_of_action_is_left_out(folder: Path) -> None:
    """The figures are those of a day without it."""
    before, count = shelves(folder), counted("event")
    odd = (pl.col("event") == "click") & (pl.col("offset") % 2 == 1)
    rewrite(folder, event=pl.when(odd).then(pl.lit("shared")).otherwise(pl.col("event")))
    after = shelves(folder)
    assert counted("event") > count
    assert 0 < after.clicked.sum() < before.clicked.sum()
