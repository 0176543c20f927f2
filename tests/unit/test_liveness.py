"""When a worker that has work and gets none of it done is called stuck."""

import pytest

from workers.index.liveness import STALL_SECONDS, Progress, needs_lag, stalled

NOW = 10_000.0
LONG_AGO = NOW - STALL_SECONDS - 1


@pytest.mark.parametrize(
    ("seen", "lag", "stuck"),
    [
        pytest.param(Progress(0, NOW, NOW), 0, False, id="idle, since just now"),
        pytest.param(Progress(0, LONG_AGO, LONG_AGO), 0, False, id="idle for long, and nothing waits in Kafka"),
        pytest.param(Progress(0, LONG_AGO, LONG_AGO), 5, True, id="records wait, and none was fetched for long"),
        pytest.param(Progress(0, NOW - 1, LONG_AGO), 5, False, id="records wait, but one came a second ago"),
        pytest.param(Progress(7, NOW, LONG_AGO), 0, True, id="events in hand, and none was finished for long"),
        pytest.param(Progress(7, LONG_AGO, NOW - 1), 0, False, id="events in hand, and one was finished just now"),
        pytest.param(Progress(7, NOW, LONG_AGO, away_since=LONG_AGO), 5, False, id="while Milvus is away, it waits"),
    ],
)
def test_stalled(seen: Progress, lag: int, *, stuck: bool) -> None:
    """Work in hand or in Kafka, none of it done for longer than any event may take, and nothing outside away."""
    assert (stalled(NOW, seen, lag) is not None) == stuck


def test_the_broker_is_asked_only_when_it_matters() -> None:
    """The lag costs calls to the broker: only a worker that has been idle for long needs it."""
    assert needs_lag(NOW, Progress(0, LONG_AGO, NOW))
    assert not needs_lag(NOW, Progress(0, NOW - 1, NOW))
    assert not needs_lag(NOW, Progress(1, LONG_AGO, NOW))
