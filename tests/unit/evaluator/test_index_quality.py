"""The quality of the index stands beside a decision: a measurement that fails is not known, and ends nothing."""

from datetime import date

import pytest

from streams.errors import SlowDown
from streams.settings import Settings
from workers.evaluator.index_quality import IndexQuality, IndexQualityMonitor


@pytest.mark.parametrize("error", [SlowDown("away"), ValueError("cannot reshape array of size 0"), ZeroDivisionError()])
def test_a_measurement_that_fails_is_not_known(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reason is."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("workers.milvus.client.connect", fail)
    monitor = IndexQualityMonitor(Settings(), {})
    assert monitor(date(2026, 1, 1)) == IndexQuality(recall=None, new_pairs=None, drift=None)
