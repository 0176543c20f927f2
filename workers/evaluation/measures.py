"""What a ranking is worth: measures as values with one spelling, per shelf first, the mean after."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from workers.evaluation.rankings import Grades, IndexRanking, Ranking, ShelfRanking
from workers.evaluation.shelves import Floats

Name = Literal["nDCG", "DCG", "P", "MRR", "Recall", "CTR", "CVR"]
Over = Literal["relevant", "visible"]
_SPELLING = re.compile(r"(?P<name>[A-Za-z]+)(?:\((?P<gain>exp)\))?(?:@(?P<cutoff>[1-9][0-9]{0,3}))?")
_CUT = ("nDCG", "DCG", "P", "MRR", "Recall")
_GAINED = ("nDCG", "DCG")


@dataclass(frozen=True, order=True)
class Measure:
    """A measure; its text is its one spelling.

    >>> Measure.parse("nDCG@5"), str(Measure.parse("DCG(exp)@10")), Measure.parse("CTR").over
    (Measure(name='nDCG', cutoff=5, exponential=False), 'DCG(exp)@10', 'visible')
    """

    name: Name
    cutoff: int = 0
    """How many places count; 0 where the measure has no such number."""
    exponential: bool = False
    """The gain of a grade is 2^grade - 1, not the grade itself."""

    @classmethod
    def parse(cls, spelling: str) -> Measure:
        """The measure of a spelling; ValueError says what may be written."""
        found = _SPELLING.fullmatch(spelling)
        if found is None or found["name"] not in get_args(Name):
            raise ValueError(f"no measure {spelling!r}: {', '.join(get_args(Name))}, as in nDCG@5, DCG(exp)@5, CTR")
        name, gain, cutoff = found["name"], found["gain"], found["cutoff"]
        if (cutoff is not None) != (name in _CUT):
            raise ValueError(
                f"{spelling!r}: {name} {'needs a cutoff, as in ' + name + '@5' if name in _CUT else 'has no cutoff'}"
            )
        if gain and name not in _GAINED:
            raise ValueError(f"{spelling!r}: only nDCG and DCG have a gain")
        return cls(name, int(cutoff or 0), gain is not None)  # type: ignore[arg-type]  # checked above

    def __str__(self) -> str:
        return f"{self.name}{'(exp)' if self.exponential else ''}{f'@{self.cutoff}' if self.cutoff else ''}"

    @property
    def over(self) -> Over:
        """Which shelves its mean is of: those with a relevant item, or all that were visible."""
        return "visible" if self.name in ("DCG", "CTR", "CVR") else "relevant"

    def of(self, ranking: Ranking) -> Floats:
        """The value of each shelf: (n,); nan where it has none, for want of a relevant item.

        Relevant is every grade above 0. A shelf that is shorter than the cutoff is not complete: P@3 of one click on
        two items is 1/3. CTR is 1 for a shelf with a click, CVR for one with a purchase that stands, else 0; a
        ValueError for a full index, where nobody clicks.

        >>> from workers.evaluation.rankings import as_shown
        >>> from workers.evaluation.shelves import make_shelves
        >>> shown = as_shown(make_shelves([[5, 6, 7], [5, 6, 7]], grade=[[0, 1, 3], [0, 0, 0]]))
        >>> [Measure.parse(each).of(shown).round(4).tolist() for each in ("nDCG@5", "DCG@5", "P@1", "MRR@10", "CTR")]
        [[0.5869, nan], [2.1309, 0.0], [0.0, nan], [0.5, nan], [1.0, 0.0]]
        """
        if self.name in ("CTR", "CVR"):
            if isinstance(ranking, IndexRanking):
                raise ValueError(f"{self} of a full index: nobody was shown it")
            return (ranking.clicked if self.name == "CTR" else ranking.bought).astype(np.float64)
        if self.name == "DCG":
            return self._gain(ranking.grades)
        values = np.full(len(ranking.grades), np.nan)
        rows = np.flatnonzero(ranking.best[:, :1].any(axis=1))
        if len(rows):  # a day without a shelf has no places either
            values[rows] = self._relevant(ranking.grades[rows], ranking.best[rows])
        return values

    def at_random(self, ranking: ShelfRanking) -> Floats:
        """What nDCG is worth on average if the items of a shelf stood in a random order: (n,); nan as `of`.

        Each item is then at each rank equally often: the mean gain of the n items, times the sum of the first
        min(cutoff, n) discounts, over the ideal DCG. ValueError for another measure.

        >>> from workers.evaluation.rankings import as_shown
        >>> from workers.evaluation.shelves import make_shelves
        >>> Measure.parse("nDCG@5").at_random(as_shown(make_shelves([[5, 6]], grade=[[0, 1]]))).round(4).tolist()
        [0.8155]
        """
        if self.name != "nDCG":
            raise ValueError(f"{self} of a random order is not known, only that of nDCG")
        values = np.full(len(ranking.grades), np.nan)
        rows = np.flatnonzero(ranking.best[:, :1].any(axis=1))
        if len(rows):
            best, items = ranking.best[rows], ranking.items[rows]
            sums = np.concatenate(([0.0], np.cumsum(discounts(self.cutoff))))
            mean_gain = self.gains(best).sum(axis=1) / items
            values[rows] = mean_gain * sums[np.minimum(items, self.cutoff)] / self._gain(best)
        return values

    def _relevant(self, grades: Grades, best: Grades) -> Floats:
        """Of shelves with a relevant item."""
        if self.name == "nDCG":
            return self._gain(grades) / self._gain(best)
        hits = grades[:, : self.cutoff] > 0
        if self.name == "P":
            return np.asarray(hits.sum(axis=1) / self.cutoff, np.float64)
        if self.name == "Recall":
            return np.asarray(hits.sum(axis=1) / (best > 0).sum(axis=1), np.float64)
        return np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0.0)

    def _gain(self, grades: Grades) -> Floats:
        """Gains, each over log2(rank + 1) (Järvelin and Kekäläinen, 2002): grade, or 2^grade - 1 (Burges, 2005)."""
        first = grades[:, : self.cutoff]
        return np.asarray(self.gains(first) @ discounts(first.shape[1]), np.float64)

    def gains(self, grades: Grades) -> Floats:
        """What each grade is worth."""
        return np.exp2(grades.astype(np.float64)) - 1 if self.exponential else grades.astype(np.float64)


def discounts(count: int) -> Floats:
    """1 / log2(rank + 1) of ranks 1, 2, …

    >>> discounts(3).round(4).tolist()
    [1.0, 0.6309, 0.5]
    """
    return np.asarray(1 / np.log2(np.arange(2, count + 2)), np.float64)


def mean(values: Floats) -> float:
    """The mean over the shelves that have a value; nan where none has."""
    told = values[~np.isnan(values)]
    return float(told.mean()) if len(told) else float("nan")


PAPER = tuple(Measure.parse(each) for each in ("nDCG@5", "P@1", "P@3"))
"""Those of the paper, over shelves with a relevant item."""
USUAL = (*PAPER, *(Measure.parse(each) for each in ("MRR@10", "DCG@5", "CTR", "CVR")))
"""What is measured where nothing else is asked for."""
