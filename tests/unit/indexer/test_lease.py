"""The lease of a worker on its partitions."""

import pytest

from streams.errors import SlowDown
from workers.indexer.faust.app import SESSION_SECONDS
from workers.indexer.lease import HOLD_SECONDS, RENEW_SECONDS, Lease


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_nothing_is_written_before_the_group_has_confirmed() -> None:
    """A new lease is not held."""
    lease = Lease()
    assert not lease.held
    with pytest.raises(SlowDown):
        lease.require()


def test_it_ends_before_another_worker_can_own_the_keys() -> None:
    """A frozen process that wakes up finds it ended, whatever runs first."""
    clock = Clock()
    lease = Lease(clock)
    lease.renew(clock.now)
    lease.require()
    clock.now += HOLD_SECONDS
    lease.require()
    clock.now += 0.1
    with pytest.raises(SlowDown):
        lease.require()
    assert HOLD_SECONDS < SESSION_SECONDS - 3.0  # a heartbeat is sent every 3 s


def test_the_moment_of_asking_counts() -> None:
    """An answer that took long, or came after a newer one, proves nothing of today."""
    clock = Clock()
    lease = Lease(clock)
    asked_at = clock.now
    clock.now += HOLD_SECONDS + 1
    lease.renew(asked_at)
    assert not lease.held
    lease.renew(clock.now)
    lease.renew(asked_at)
    assert lease.held


def test_a_proof_is_due_well_before_the_end() -> None:
    """So that one that fails costs nothing."""
    clock = Clock()
    lease = Lease(clock)
    assert lease.due
    lease.renew(clock.now)
    assert not lease.due
    clock.now += RENEW_SECONDS
    assert lease.due
    assert lease.held
    assert 2 * RENEW_SECONDS < HOLD_SECONDS


def test_what_is_lost_is_lost_at_once() -> None:
    """When the partitions are taken away."""
    lease = Lease()
    lease.renew(10**12)
    lease.lose()
    assert not lease.held
