"""When an event whose host is away is tried again."""

import pytest

from streams.retry import PutBack
from workers.images.hosts import HostAway
from workers.index.again import longest_wait, next_try
from workers.index.limits import Endings

ENDINGS = Endings(retry_delays=(10.0, 60.0), jitter=0.2, longest_wait=3_600.0)


def tried(before: PutBack, away: HostAway, chance: float = 0.0) -> PutBack | None:
    """What is said of it, at second 1,000."""
    return next_try(before, away, ENDINGS, now=1_000.0, chance=chance)


def test_the_delays_grow_and_end() -> None:
    """Attempts are counted in all; after the last delay it is over."""
    away = HostAway("away", attempts=4)
    first = tried(PutBack(attempts=1), away)
    assert first == PutBack(attempts=5, tries=1, not_before=1_010_000)
    second = tried(first, away)
    assert second == PutBack(attempts=9, tries=2, not_before=1_060_000)
    assert tried(second, away) is None


def test_what_is_put_back_at_once_does_not_come_back_at_once() -> None:
    """Chance lengthens a delay, and never shortens it."""
    last = tried(PutBack(), HostAway("away"), chance=1.0)
    assert last is not None
    assert last.not_before == 1_012_000


@pytest.mark.parametrize(("asked", "seconds"), [(5.0, 10), (60.0, 60), (1e9, 3_600)])
def test_what_the_host_asks_for(asked: float, seconds: int) -> None:
    """Counts where it is longer than our delay, up to a limit."""
    said = tried(PutBack(), HostAway("away", retry_after=asked))
    assert said is not None
    assert said.not_before == (1_000 + seconds) * 1_000


def test_waiting_for_others_is_no_reason_to_give_up() -> None:
    """A host that delivers, but slowly, makes events wait; when it goes away after all there is a try left."""
    said: PutBack | None = PutBack()
    for _ in range(50):
        assert said is not None
        said = tried(said, HostAway("slow", crowded=True))
    assert said is not None
    assert said.tries == 1
    assert tried(said, HostAway("away")) is not None


def test_a_refetch_stays_one() -> None:
    """Put back or not, its pictures are to be fetched again."""
    said = tried(PutBack(refetch=True), HostAway("away"))
    assert said is not None
    assert said.refetch


def test_without_delays_it_is_given_up_at_once() -> None:
    """An operator may want that."""
    endings = Endings(retry_delays=())
    assert next_try(PutBack(), HostAway("away", crowded=True), endings, now=0.0, chance=0.0) is None
    assert longest_wait(endings) == endings.longest_wait * 1.2
