"""How much a worker takes in by default."""

import pytest

from workers.indexer.config import Capacity, decoders_for


@pytest.mark.parametrize(("cores", "decoders"), [(1, 2), (2, 2), (4, 2), (6, 3), (16, 8), (128, 8)])
def test_decoders_follow_the_cores(cores: int, decoders: int) -> None:
    """One for each two, so that the encoder has the others; never fewer than two, for one picture may be slow."""
    assert decoders_for(cores) == decoders
    assert 2 <= Capacity().decoders <= 8
