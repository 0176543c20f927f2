"""When an event whose host is away is tried again."""

import pytest

from streams.retry_headers import RetryState
from workers.images.circuit_breaker import HostUnavailable
from workers.indexer.retry_schedule import longest_wait, schedule_retry
from workers.process.failure_policy import FailurePolicy

ENDINGS = FailurePolicy(retry_delays=(10.0, 60.0), jitter=0.2, longest_wait=3_600.0)


def tried(before: RetryState, away: HostUnavailable, chance: float = 0.0) -> RetryState | None:
    """What is said of it, at second 1,000."""
    return schedule_retry(before, away, ENDINGS, now=1_000.0, chance=chance)


def test_the_delays_grow_and_end() -> None:
    """Attempts are counted in all; after the last delay it is over."""
    away = HostUnavailable("away", attempts=4)
    first = tried(RetryState(attempts=1), away)
    assert first == RetryState(attempts=5, tries=1, not_before=1_010_000)
    second = tried(first, away)
    assert second == RetryState(attempts=9, tries=2, not_before=1_060_000)
    assert tried(second, away) is None


def test_what_is_put_back_at_once_does_not_come_back_at_once() -> None:
    """Chance lengthens a delay, and never shortens it."""
    last = tried(RetryState(), HostUnavailable("away"), chance=1.0)
    assert last is not None
    assert last.not_before == 1_012_000


@pytest.mark.parametrize(("asked", "seconds"), [(5.0, 10), (60.0, 60), (1e9, 3_600)])
def test_what_the_host_asks_for(asked: float, seconds: int) -> None:
    """Counts where it is longer than our delay, up to a limit."""
    said = tried(RetryState(), HostUnavailable("away", retry_after=asked))
    assert said is not None
    assert said.not_before == (1_000 + seconds) * 1_000


def test_waiting_for_others_is_no_reason_to_give_up() -> None:
    """A host that delivers, but slowly, makes events wait; when it goes away after all there is a try left."""
    said: RetryState | None = RetryState()
    for _ in range(50):
        assert said is not None
        said = tried(said, HostUnavailable("slow", overloaded=True))
    assert said is not None
    assert said.tries == 1
    assert tried(said, HostUnavailable("away")) is not None


def test_a_refetch_stays_one() -> None:
    """Put back or not, its pictures are to be fetched again."""
    said = tried(RetryState(refetch=True), HostUnavailable("away"))
    assert said is not None
    assert said.refetch


def test_without_delays_it_is_given_up_at_once() -> None:
    """An operator may want that."""
    endings = FailurePolicy(retry_delays=())
    assert schedule_retry(RetryState(), HostUnavailable("away", overloaded=True), endings, now=0.0, chance=0.0) is None
    assert longest_wait(endings) == endings.longest_wait * 1.2
