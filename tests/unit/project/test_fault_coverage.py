"""Every fault of the list has its test."""

from pathlib import Path

import pytest

from faults.coverage import CASES

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("case", CASES)
def test_the_named_tests_are_there(case: str) -> None:
    """A test that was renamed or removed must be named anew."""
    assert CASES[case]
    for test in CASES[case]:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(), test
