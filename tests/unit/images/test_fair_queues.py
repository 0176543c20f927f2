"""Fetch slots are shared fairly between hosts, domains, addresses and sellers, and slow ones delay no other."""

import dataclasses

import pytest

from workers.images.circuit_breaker import HostCircuitBreaker
from workers.images.concurrency_shares import ConcurrencyShares
from workers.images.fair_queues import FairQueues
from workers.images.limits import HostLimits
from workers.images.picture_source import PictureSource, picture_source_of

LIMITS = HostLimits(
    open_after=3, distinct_pictures=1, distinct_sellers=1, initial_share=2, max_share=6, min_share=1, max_queued=3
)
NOW = 100.0


class Bench:
    """Queues for a number of slots, with the states of hosts and parties."""

    def __init__(self, slots: int = 16, limits: HostLimits = LIMITS) -> None:
        self.hosts, self.shares = HostCircuitBreaker(limits), ConcurrencyShares(limits)
        self.queues: FairQueues[str] = FairQueues(self.hosts, self.shares, slots, limits)

    def enqueue(self, host: str, count: int, *, seller: str = "", shared: tuple[str, ...] = ()) -> None:
        """Queue so many pictures of a host."""
        for number in range(count):
            self.queues.enqueue(PictureSource(host, seller, shared), f"{seller}{host}{number}")

    def proven(self, host: str, *, times: int = 1) -> None:
        """A host that has delivered lately."""
        for _ in range(times):
            self.shares.answered([host], 0.1, NOW, picture=True)


def test_a_new_host_has_the_initial_share() -> None:
    """However many slots are free."""
    bench = Bench()
    bench.enqueue("a", 20)
    assert bench.queues.start(NOW) == ["a0", "a1"]
    assert bench.queues.waiting == 18


def test_half_of_the_slots_is_reserved_for_proven_hosts() -> None:
    """However many new hosts there are; proven hosts are not bound by that."""
    bench = Bench()
    bench.proven("good", times=10)
    for number in range(20):
        bench.enqueue(f"h{number}", 2)
    assert len(bench.queues.start(NOW)) == 8
    bench.enqueue("good", 20)
    assert len(bench.queues.start(NOW)) == LIMITS.max_share


def test_ports_and_names_of_one_party_share_its_slots() -> None:
    """Thirty ports of one address, or names below one domain, hang: another host starts at once."""
    for shared in (("10.1.1.1",), ("evil.example",)):
        bench = Bench(slots=32)
        for number in range(30):
            bench.enqueue(f"evil:{number}", 5, shared=shared)
        hanging = bench.queues.start(NOW)
        assert len(hanging) <= LIMITS.initial_share
        bench.enqueue("good", 1, shared=("good.example",))
        assert bench.queues.start(NOW) == ["good0"]


def test_all_hosts_of_a_seller_share_its_slots() -> None:
    """Whatever hosts its pictures are at."""
    bench = Bench(slots=32)
    for number in range(30):
        bench.enqueue(f"h{number}", 1, seller="evil", shared=(f"d{number}",))
    assert len(bench.queues.start(NOW)) == LIMITS.initial_share


def test_a_new_host_of_a_hanging_party_starts() -> None:
    """A host and seller without a running fetch starts once the hanging fetches are no longer young."""
    bench = Bench(slots=32)
    bench.enqueue("address:1", 5, seller="evil", shared=("address",))
    assert len(bench.queues.start(NOW)) == 2
    bench.enqueue("address:2", 1, seller="good", shared=("address",))
    assert bench.queues.start(NOW) == []
    assert bench.queues.start(NOW + LIMITS.young_seconds) == ["goodaddress:20"]


def test_a_host_that_delivers_is_not_bound_by_its_address() -> None:
    """A content network has good and bad hosts at one address."""
    bench = Bench(slots=32)
    bench.proven("cdn:good")
    bench.enqueue("cdn:evil", 10, shared=("address",))
    bench.queues.start(NOW)
    bench.shares.failed(["address"])
    bench.enqueue("cdn:good", 1, shared=("address",))
    assert bench.queues.start(NOW) == ["cdn:good0"]


def test_hanging_fetches_are_evicted() -> None:
    """If new hosts of many parties use up the slots for new hosts, the oldest fetches are evicted."""
    bench = Bench()
    for number in range(8):
        bench.enqueue(f"h{number}", 2)
    hanging = bench.queues.start(NOW)
    assert len(hanging) == 8
    bench.enqueue("good", 1)
    assert bench.queues.evict(NOW + 1) == []
    evicted = bench.queues.evict(NOW + 10)
    assert evicted == hanging[:1]
    bench.shares.failed(["h0"])
    bench.queues.fetched(evicted[0])
    bench.queues.release()
    assert bench.queues.start(NOW + 10) == ["good0"]


def test_slots_rotate_between_hosts_and_sellers() -> None:
    """However long the queue of one of them."""
    bench = Bench()
    bench.proven("a", times=2)
    bench.enqueue("a", 3, seller="s")
    bench.enqueue("a", 3, seller="t")
    bench.enqueue("b", 3)
    assert bench.queues.start(NOW) == ["sa0", "b0", "ta0", "b1", "sa1", "ta1"][: len(bench.queues._running)]


def test_a_fetched_item_keeps_its_slot_and_frees_its_share() -> None:
    """A fetched item no longer counts for its host's share, and keeps its slot until it is released."""
    bench = Bench(slots=4)
    bench.enqueue("a", 4)
    assert bench.queues.start(NOW) == ["a0", "a1"]
    bench.queues.fetched("a0")
    assert bench.queues.start(NOW) == ["a2"]
    bench.queues.fetched("a1")
    bench.queues.fetched("a2")
    assert bench.queues.start(NOW) == ["a3"]
    bench.queues.fetched("a3")
    bench.enqueue("a", 1)
    assert bench.queues.start(NOW) == []
    bench.queues.release()
    assert bench.queues.start(NOW) == ["a0"]


def test_all_items_of_a_host_that_is_away_are_rejected() -> None:
    """At once; when its pause is over, one item starts as the probe."""
    bench = Bench()
    bench.enqueue("a", 2)
    bench.enqueue("b", 2)
    for _ in range(3):
        bench.hosts.failed("a", "x", NOW)
    rejected = bench.queues.reject_stuck(NOW)
    assert [item for item, _ in rejected] == ["a0", "a1"]
    assert all(away.retry_after == LIMITS.pauses[0] and not away.overloaded for _, away in rejected)
    assert bench.queues.start(NOW) == ["b0", "b1"]
    bench.enqueue("a", 2)
    assert bench.queues.start(NOW + 5) == ["a0"]
    assert bench.queues.reject_stuck(NOW + 5) == []


def test_the_queue_of_a_slow_party_is_bounded() -> None:
    """The last items are rejected as overloaded; for a healthy host any number may wait."""
    bench = Bench()
    bench.enqueue("a:1", 10, shared=("address",))
    bench.enqueue("a:2", 10, shared=("address",))
    assert len(bench.queues.start(NOW)) == 2
    assert bench.queues.reject_stuck(NOW) == []
    rejected = bench.queues.reject_stuck(NOW + 60)
    assert len(rejected) == 20 - 2 - LIMITS.max_queued
    assert all(away.overloaded for _, away in rejected)
    assert bench.queues.waiting == LIMITS.max_queued


def test_a_silent_party_does_not_fill_the_events_in_flight() -> None:
    """While the queues are overloaded, a new party may queue `max_queued` items, long before it is certainly slow.

    A party that answers, or is alone, may queue any number."""
    bench = Bench(slots=32, limits=dataclasses.replace(LIMITS, max_queued_total=10))
    for number in range(30):
        bench.enqueue(f"evil:{number}", 1, seller=f"s{number}", shared=("address",))
    assert len(bench.queues.start(NOW)) == 2
    assert bench.queues.overloaded
    assert bench.queues.reject_stuck(NOW + LIMITS.silent_seconds) == []
    rejected = bench.queues.reject_stuck(NOW + LIMITS.silent_seconds + 0.01)
    assert len(rejected) == 28 - LIMITS.max_queued
    assert all(away.overloaded for _, away in rejected)
    assert not bench.queues.overloaded
    bench.enqueue("good", 12, shared=("good.example",))
    assert len(bench.queues.start(NOW + 0.5)) == 2
    bench.shares.answered(["good", "good.example"], 0.1, NOW + 0.6, picture=True)
    assert not any(item.startswith("good") for item, _ in bench.queues.reject_stuck(NOW + 0.9))


def test_a_proven_host_may_be_silent_for_longer() -> None:
    """A pause of a proven host is no reason to reject its items; one that lasts is."""
    bench = Bench(slots=32, limits=dataclasses.replace(LIMITS, max_queued_total=2))
    bench.proven("good", times=2)
    bench.enqueue("good", 10)
    bench.queues.start(NOW)
    assert bench.queues.overloaded
    assert bench.queues.reject_stuck(NOW + LIMITS.young_seconds) == []
    assert bench.queues.reject_stuck(NOW + LIMITS.young_seconds + 0.01)


def test_obsolete_items_are_removed() -> None:
    """From the middle of a queue too."""
    bench = Bench()
    bench.enqueue("a", 3)
    assert bench.queues.remove(lambda _, item: item == "a1") == ["a1"]
    assert bench.queues.start(NOW) == ["a0", "a2"]


def test_the_parties_of_a_picture() -> None:
    """Its registrable domain; its addresses, of IPv6 the prefix of one customer; its seller."""
    one = picture_source_of("https://a.evil.co.uk/1", "s", ("2001:db8:1:2::3",), ())
    two = picture_source_of("https://b.evil.co.uk:8443/1", "s", ("2001:db8:1:9::3",), ())
    assert one.shared == two.shared == ("evil.co.uk", "2001:db8:1::/48")
    assert one.own == ("a.evil.co.uk:443", "seller s")
    assert picture_source_of("http://127.0.0.1:8000/", "", ("127.0.0.1",), ()).shared == ("127.0.0.1",)


@pytest.mark.parametrize("max_in_flight", [1, 60, 2_000])
def test_queue_limits_are_a_part_of_the_events_in_flight(max_in_flight: int) -> None:
    """However few events a worker accepts, those queued for slow hosts leave room for the others."""
    limits = HostLimits.for_max_in_flight(max_in_flight)
    assert limits.max_queued <= limits.max_queued_total <= max(1, max_in_flight // 4)
    assert HostLimits.for_max_in_flight(2_000) == HostLimits()
