"""Measures of each shelf, ours and ranx's, over the same shelves in turn, as a process of its own.

`python -m tests.benchmarks.measures_beside FOLDER DAY SHELVES ROUNDS REPORT`. What each works on is made before the
clock starts: our matrices; ranx's sorted qrels and runs, its functions compiled.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import ranx  # type: ignore[import-untyped]  # it ships no types

from workers.evaluation.measures import Measure
from workers.evaluation.rankings import as_shown
from workers.evaluation.reader import read_shelves
from workers.evaluation.shelves import Floats, Shelves, any_in_row

MEASURES = {"nDCG@5": "ndcg@5", "P@1": "precision@1", "P@3": "precision@3", "MRR@10": "mrr@10"}


def main(folder: str, day: str, count: str, rounds: str, report: str) -> None:
    """Seconds of each round; both must come to the same figures."""
    since = date.fromisoformat(day)
    shelves = read_shelves(Path(folder), since, since + timedelta(days=1))
    relevant = np.flatnonzero(any_in_row(shelves.grade > 0))
    some_of_them = shelves.pick(np.resize(relevant, int(count)))
    qrels, run = _for_ranx(some_of_them)
    mine, theirs = _ours(some_of_them), _ranx(qrels, run)  # and ranx compiles
    for name, spelling in MEASURES.items():
        np.testing.assert_allclose(mine[name], theirs[spelling], rtol=0, atol=1e-9)
    ours, beside = [], []
    for _ in range(int(rounds)):
        ours.append(_seconds(lambda: _ours(some_of_them)))
        beside.append(_seconds(lambda: _ranx(qrels, run)))
    Path(report).write_text(json.dumps({"shelves": len(some_of_them), "ours": ours, "ranx": beside}))


def _ours(shelves: Shelves) -> dict[str, Floats]:
    ranking = as_shown(shelves)
    return {name: Measure.parse(name).of(ranking) for name in MEASURES}


def _ranx(qrels: Any, run: Any) -> Mapping[str, Floats]:
    found: Mapping[str, Floats] = ranx.evaluate(qrels, run, list(MEASURES.values()), return_mean=False)
    return found


def _for_ranx(shelves: Shelves) -> tuple[Any, Any]:
    """Ids by place, scores that fall from place to place, names that sort as rows do."""
    names = [f"{row:08}" for row in range(len(shelves))]
    places = [f"d{place}" for place in range(shelves.width)]
    grades = {
        name: dict(zip(places, mine, strict=True)) for name, mine in zip(names, shelves.grade.tolist(), strict=True)
    }
    falling = {place: float(-rank) for rank, place in enumerate(places)}
    return ranx.Qrels(grades), ranx.Run(dict.fromkeys(names, falling))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main(*sys.argv[1:])
