"""Everything that a filter finds, however many, from answers that are cut off and in no order."""

import random
import re

import pytest

from workers.milvus.takedown_rows import PAGE, in_key_ranges

RANGE = re.compile(r'listing_id > "([^"]*)"(?: and listing_id <= "([^"]*)")?')


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE + 7])
def test_all_are_found_once(count: int) -> None:
    """Whatever part of the matches an answer has."""
    chance = random.Random(count)  # noqa: S311 - the same order in each run
    ids = [f"m{number}" for number in range(count)]

    def some(keys: str) -> list[str]:
        matched = RANGE.fullmatch(keys)
        assert matched is not None
        above, upto = matched.groups()
        found = [each for each in ids if each > above and (upto is None or each <= upto)]
        chance.shuffle(found)
        return found[:PAGE]

    found = [each for page in in_key_ranges(some, str) for each in page]
    assert sorted(found) == sorted(ids)
