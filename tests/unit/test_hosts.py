"""The circuit breaker of an image host: when it opens, what goes out while it is open, and when it closes."""

import pytest

from workers.images.hosts import HostAway, Hosts
from workers.images.limits import HostLimits

LIMITS = HostLimits(open_after=3, of_pictures=2, pauses=(5.0, 10.0), slow_seconds=4.0, remembered=4)


def fail(
    hosts: Hosts, now: float, *, host: str = "a", times: int = 1, pictures: int = 2, retry_after: float = 0.0
) -> None:
    """Failures in a row, of different pictures."""
    for number in range(times):
        hosts.failed(host, f"picture {number % pictures}", now, retry_after=retry_after)


def opened(at: float = 100.0, retry_after: float = 0.0) -> Hosts:
    """A host `a` that was found away."""
    hosts = Hosts(LIMITS)
    fail(hosts, at, times=3, retry_after=retry_after)
    return hosts


def test_failures_in_a_row_open_it() -> None:
    """And nothing may be asked until its pause is over."""
    hosts = Hosts(LIMITS)
    fail(hosts, 100.0, times=2)
    assert hosts.away_for("a", 100.0) == 0
    fail(hosts, 100.0)
    assert hosts.away_for("a", 101.0) == 4.0
    assert hosts.share("a", 101.0) == 0
    with pytest.raises(HostAway) as away:
        hosts.begin("a", 101.0)
    assert away.value.retry_after == 4.0
    assert hosts.away_for("b", 101.0) == 0


def test_a_success_between_them_does_not() -> None:
    """They must be in a row."""
    hosts = Hosts(LIMITS)
    for _ in range(10):
        fail(hosts, 100.0, times=2)
        hosts.succeeded("a", 0.1, 100.0)
    assert hosts.away == 0


def test_one_bad_address_does_not() -> None:
    """However often it fails: the host may be well."""
    hosts = Hosts(LIMITS)
    fail(hosts, 100.0, times=20, pictures=1)
    assert hosts.away == 0


def test_one_probe_goes_out_after_the_pause() -> None:
    """And no second beside it."""
    hosts = opened()
    assert hosts.share("a", 105.0) == 1
    probe = hosts.begin("a", 105.0)
    with pytest.raises(HostAway):
        hosts.begin("a", 105.0)
    hosts.end("a", probe)  # cut off, with nothing learnt
    hosts.begin("a", 105.0)


def test_a_probe_that_succeeds_closes_it() -> None:
    """From then on it has a small share, which grows."""
    told: list[tuple[str, bool]] = []
    hosts = Hosts(LIMITS, lambda *each: told.append(each))
    fail(hosts, 100.0, times=3)
    hosts.end("a", hosts.begin("a", 105.0))
    hosts.succeeded("a", 0.1, 105.1)
    assert (hosts.away, told) == (0, [("a", True), ("a", False)])
    assert LIMITS.share_least <= hosts.share("a", 105.1) < LIMITS.share_first


def test_a_probe_that_fails_opens_it_for_longer() -> None:
    """Up to the last of the pauses; after a success they begin anew."""
    hosts = opened()
    fail(hosts, 105.0)
    assert hosts.away_for("a", 105.0) == 10.0
    fail(hosts, 115.0)
    assert hosts.away_for("a", 115.0) == 10.0
    hosts.succeeded("a", 0.1, 130.0)
    fail(hosts, 130.0, times=3)
    assert hosts.away_for("a", 130.0) == 5.0


def test_late_failures_do_not_prolong_it() -> None:
    """They were begun before it was known."""
    hosts = opened()
    fail(hosts, 104.0, times=50)
    assert hosts.away_for("a", 104.0) == 1.0


def test_what_the_host_asked_for_counts() -> None:
    """Where it is longer than our own pause."""
    assert opened(retry_after=60.0).away_for("a", 100.0) == 60.0
    assert opened(retry_after=1.0).away_for("a", 100.0) == 5.0


def test_quick_answers_earn_a_larger_share() -> None:
    """Slow ones and failures halve it."""
    hosts = Hosts(LIMITS)
    for _ in range(100):
        hosts.succeeded("a", 0.1, 100.0)
    assert hosts.share("a", 100.0) == LIMITS.share_most
    hosts.succeeded("a", 9.0, 100.0)
    assert hosts.share("a", 100.0) == LIMITS.share_most // 2
    for _ in range(100):
        hosts.succeeded("a", 9.0, 100.0)
    assert hosts.share("a", 100.0) == LIMITS.share_least


def test_a_host_of_which_nothing_comes_struggles() -> None:
    """One slow picture among others that arrive is no sign of it."""
    hosts = Hosts(LIMITS)
    hosts.begin("a", 100.0)
    assert not hosts.struggles("a", 103.0)
    assert hosts.struggles("a", 105.0)
    hosts.succeeded("a", 0.1, 105.0)
    assert not hosts.struggles("a", 108.0)
    assert not hosts.struggles("never asked", 108.0)


def test_it_remembers_a_bounded_number() -> None:
    """Whatever names the events come with; never is one forgotten that is being asked."""
    hosts = Hosts(LIMITS)
    attempt = hosts.begin("a", 100.0)
    for number in range(1_000):
        fail(hosts, 100.0, host=str(number), times=3)
    assert len(hosts._hosts) == LIMITS.remembered
    assert hosts.away == LIMITS.remembered - 1
    hosts.end("a", attempt)
