"""Hashes are the same on every machine: as plain Python says, whatever the column looks like."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from workers.evaluation.hashing import hash64, mix

MASK = (1 << 64) - 1
words = st.lists(st.one_of(st.none(), st.text(max_size=40)), max_size=12)


def mixed(value: int) -> int:
    """SplitMix64's next number, of this state."""
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & MASK
    return value ^ value >> 31


def hashed(word: str | None) -> int:
    """The same, a word at a time."""
    raw = (word or "").encode()
    if not raw:
        return 0
    state = mixed(len(raw))
    for begin in range(0, len(raw), 8):
        state = mixed(state ^ int.from_bytes(raw[begin : begin + 8], "little"))
    return state or 1


@given(st.lists(st.integers(0, MASK), max_size=20))
def test_mix(values: list[int]) -> None:
    """SplitMix64 in Python's own integers."""
    assert mix(np.array(values, np.uint64)).tolist() == [mixed(each) for each in values]


@given(words)
def test_hash64(told: list[str | None]) -> None:
    """Of any text, any length, null or empty."""
    assert hash64(pl.Series(told, dtype=pl.String)).tolist() == [hashed(each) for each in told]


@given(words, words)
def test_parts_of_columns(one: list[str | None], other: list[str | None]) -> None:
    """A slice, and a column in several chunks."""
    column = pl.concat([pl.Series(one, dtype=pl.String), pl.Series(other, dtype=pl.String)], rechunk=False)
    expected = [hashed(each) for each in one + other]
    assert hash64(column).tolist() == expected
    assert hash64(column[1:]).tolist() == expected[1:]


def test_categories_hash_as_their_words() -> None:
    """However a reader keeps them."""
    assert hash64(pl.Series(["a", "b", "a"]).cast(pl.Categorical)).tolist() == [hashed(each) for each in "aba"]


def test_many() -> None:
    """More than are worked on at once, all different."""
    told = [f"{number:032x}" for number in range(100_000)]
    found = hash64(pl.Series(told))
    assert len(np.unique(found)) == len(told)
    assert found[-1] == hashed(told[-1])
