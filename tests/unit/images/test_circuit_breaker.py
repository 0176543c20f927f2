"""The circuit breaker of an image host: when it opens, what goes out while it is open, and when it closes."""

import pytest

from workers.images.circuit_breaker import HostCircuitBreaker, HostUnavailable
from workers.images.concurrency_shares import ConcurrencyShares
from workers.images.limits import HostLimits

LIMITS = HostLimits(open_after=3, distinct_pictures=2, pauses=(5.0, 10.0), slow_seconds=4.0, remembered=4)


def fail(
    hosts: HostCircuitBreaker,
    now: float,
    *,
    host: str = "a",
    times: int = 1,
    pictures: int = 2,
    retry_after: float = 0.0,
) -> None:
    """Failures in a row, of different pictures."""
    for number in range(times):
        hosts.failed(host, f"picture {number % pictures}", now, retry_after=retry_after)


def opened(at: float = 100.0, retry_after: float = 0.0) -> HostCircuitBreaker:
    """A host `a` that was found away."""
    hosts = HostCircuitBreaker(LIMITS)
    fail(hosts, at, times=3, retry_after=retry_after)
    return hosts


def test_failures_in_a_row_open_it() -> None:
    """And nothing may be asked until its pause is over."""
    hosts = HostCircuitBreaker(LIMITS)
    fail(hosts, 100.0, times=2)
    assert hosts.away_for("a", 100.0) == 0
    fail(hosts, 100.0)
    assert hosts.away_for("a", 101.0) == 4.0
    assert not hosts.may_ask("a", 101.0, 0)
    with pytest.raises(HostUnavailable) as away:
        hosts.begin("a", 101.0)
    assert away.value.retry_after == 4.0
    assert hosts.away_for("b", 101.0) == 0


def test_a_success_between_them_does_not() -> None:
    """They must be in a row."""
    hosts = HostCircuitBreaker(LIMITS)
    for _ in range(10):
        fail(hosts, 100.0, times=2)
        hosts.succeeded("a")
    assert hosts.away == 0


def test_one_bad_address_does_not() -> None:
    """However often it fails: the host may be well."""
    hosts = HostCircuitBreaker(LIMITS)
    fail(hosts, 100.0, times=20, pictures=1)
    assert hosts.away == 0


def test_one_probe_goes_out_after_the_pause() -> None:
    """And no second beside it."""
    hosts = opened()
    assert hosts.may_ask("a", 105.0, 0)
    assert not hosts.may_ask("a", 105.0, 1)
    probe = hosts.begin("a", 105.0)
    with pytest.raises(HostUnavailable):
        hosts.begin("a", 105.0)
    hosts.end("a", probe)  # cut off, with nothing learnt
    hosts.begin("a", 105.0)


def test_a_probe_that_succeeds_closes_it() -> None:
    """From then on it may be asked."""
    told: list[tuple[str, bool]] = []
    hosts = HostCircuitBreaker(LIMITS, lambda *each: told.append(each))
    fail(hosts, 100.0, times=3)
    hosts.end("a", hosts.begin("a", 105.0))
    hosts.succeeded("a")
    assert (hosts.away, told) == (0, [("a", True), ("a", False)])


def test_a_probe_that_fails_opens_it_for_longer() -> None:
    """Up to the last of the pauses; after a success they begin anew."""
    hosts = opened()
    fail(hosts, 105.0)
    assert hosts.away_for("a", 105.0) == 10.0
    fail(hosts, 115.0)
    assert hosts.away_for("a", 115.0) == 10.0
    hosts.succeeded("a")
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


def test_one_seller_closes_a_host_for_itself_alone() -> None:
    """However many of its pictures fail: others are asked for; two sellers close it for all."""
    hosts = HostCircuitBreaker(LIMITS)
    for number in range(20):
        hosts.failed("a", f"picture {number}", 100.0, seller="evil")
    assert hosts.away_for("a", 100.0, "evil") > 0
    assert hosts.away_for("a", 100.0, "good") <= 0
    hosts.end("a", hosts.begin("a", 100.0, "good"), "good")
    hosts.failed("a", "picture of another", 100.0, seller="good")
    assert hosts.away_for("a", 100.0, "a third") > 0


def test_quick_answers_earn_a_larger_share() -> None:
    """Slow ones and failures halve it; a host that delivered quickly not long ago keeps its first share."""
    shares = ConcurrencyShares(LIMITS)
    for _ in range(100):
        shares.answered(["a"], 0.1, 100.0, picture=True)
    assert shares.share("a", 100.0) == LIMITS.max_share
    shares.answered(["a"], 9.0, 100.0, picture=True)
    assert shares.share("a", 100.0) == LIMITS.max_share // 2
    for _ in range(100):
        shares.failed(["a"])
    assert shares.share("a", 100.0) == LIMITS.initial_share
    assert shares.share("a", 100.0 + LIMITS.proven_seconds + 1) == LIMITS.min_share


def test_a_party_of_which_nothing_comes_struggles() -> None:
    """One slow picture among others that arrive is no sign of it."""
    shares = ConcurrencyShares(LIMITS)
    assert not shares.slow("a", 100.0, 103.0)
    assert shares.slow("a", 100.0, 105.0)
    shares.answered(["a"], 0.1, 105.0, picture=True)
    assert not shares.slow("a", 100.0, 108.0)


def test_a_flood_of_names_does_not_make_a_good_host_forgotten() -> None:
    """What has delivered lately is kept apart."""
    shares = ConcurrencyShares(LIMITS)
    shares.answered(["good"], 0.1, 100.0, picture=True)
    for number in range(10_000):
        shares.failed([str(number)])
    assert shares.proven("good", 101.0)
    assert len(shares._new) <= LIMITS.remembered


def test_it_remembers_a_bounded_number() -> None:
    """Whatever names the events come with; never is one forgotten that is being asked."""
    hosts = HostCircuitBreaker(LIMITS)
    attempt = hosts.begin("a", 100.0)
    for number in range(1_000):
        fail(hosts, 100.0, host=str(number), times=3)
    assert len(hosts._hosts) == LIMITS.remembered
    assert hosts.away == LIMITS.remembered - 1
    hosts.end("a", attempt)
