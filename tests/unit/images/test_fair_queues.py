"""Places are shared fairly between hosts, domains, addresses and sellers, and nobody waits long for a bad one."""

import dataclasses

import pytest

from workers.images.circuit_breaker import HostCircuitBreaker
from workers.images.concurrency_shares import ConcurrencyShares
from workers.images.fair_queues import FairQueues
from workers.images.limits import HostLimits
from workers.images.picture_source import PictureSource, picture_source_of

LIMITS = HostLimits(open_after=3, of_pictures=1, of_sellers=1, share_first=2, share_most=6, share_least=1, line=3)
NOW = 100.0


class Ground:
    """Lines of a number of places, and what is known of hosts and parties."""

    def __init__(self, places: int = 16, limits: HostLimits = LIMITS) -> None:
        self.hosts, self.shares = HostCircuitBreaker(limits), ConcurrencyShares(limits)
        self.lines: FairQueues[str] = FairQueues(self.hosts, self.shares, places, limits)

    def join(self, host: str, count: int, *, seller: str = "", shared: tuple[str, ...] = ()) -> None:
        """So many pictures of a host."""
        for number in range(count):
            self.lines.join(PictureSource(host, seller, shared), f"{seller}{host}{number}")

    def proven(self, host: str, *, times: int = 1) -> None:
        """A host that has delivered lately."""
        for _ in range(times):
            self.shares.answered([host], 0.1, NOW, picture=True)


def test_a_host_that_is_not_known_has_its_first_share() -> None:
    """Whatever is free."""
    ground = Ground()
    ground.join("a", 20)
    assert ground.lines.start(NOW) == ["a0", "a1"]
    assert ground.lines.waiting == 18


def test_half_of_the_places_is_for_hosts_that_have_delivered() -> None:
    """However many unknown hosts there are; and one that has delivered is not bound by that."""
    ground = Ground()
    ground.proven("good", times=10)
    for number in range(20):
        ground.join(f"h{number}", 2)
    assert len(ground.lines.start(NOW)) == 8
    ground.join("good", 20)
    assert len(ground.lines.start(NOW)) == LIMITS.share_most


def test_ports_and_names_of_one_party_count_as_one() -> None:
    """Thirty ports of one address, or names below one domain, hang: another host starts at once."""
    for shared in (("10.1.1.1",), ("evil.example",)):
        ground = Ground(places=32)
        for number in range(30):
            ground.join(f"evil:{number}", 5, shared=shared)
        hanging = ground.lines.start(NOW)
        assert len(hanging) <= LIMITS.share_first
        ground.join("good", 1, shared=("good.example",))
        assert ground.lines.start(NOW) == ["good0"]


def test_one_seller_counts_as_one() -> None:
    """Whatever hosts it names."""
    ground = Ground(places=32)
    for number in range(30):
        ground.join(f"h{number}", 1, seller="evil", shared=(f"d{number}",))
    assert len(ground.lines.start(NOW)) == LIMITS.share_first


def test_a_newcomer_of_a_hanging_party_does_not_wait_for_it() -> None:
    """A host and seller of which nothing is under way starts as soon as what hangs is no longer young."""
    ground = Ground(places=32)
    ground.join("address:1", 5, seller="evil", shared=("address",))
    assert len(ground.lines.start(NOW)) == 2
    ground.join("address:2", 1, seller="good", shared=("address",))
    assert ground.lines.start(NOW) == []
    assert ground.lines.start(NOW + LIMITS.young_seconds) == ["goodaddress:20"]


def test_a_host_that_delivers_is_not_bound_by_its_address() -> None:
    """A content network has good and bad hosts at one address."""
    ground = Ground(places=32)
    ground.proven("cdn:good")
    ground.join("cdn:evil", 10, shared=("address",))
    ground.lines.start(NOW)
    ground.shares.failed(["address"])
    ground.join("cdn:good", 1, shared=("address",))
    assert ground.lines.start(NOW) == ["cdn:good0"]


def test_what_hangs_gives_its_place_to_others() -> None:
    """If unknown hosts of many parties use up what there is for unknown hosts, the oldest are turned out."""
    ground = Ground()
    for number in range(8):
        ground.join(f"h{number}", 2)
    hanging = ground.lines.start(NOW)
    assert len(hanging) == 8
    ground.join("good", 1)
    assert ground.lines.evict(NOW + 1) == []
    evicted = ground.lines.evict(NOW + 10)
    assert evicted == hanging[:1]
    ground.shares.failed(["h0"])
    ground.lines.fetched(evicted[0])
    ground.lines.release()
    assert ground.lines.start(NOW + 10) == ["good0"]


def test_hosts_and_sellers_take_turns() -> None:
    """However long the line of one of them."""
    ground = Ground()
    ground.proven("a", times=2)
    ground.join("a", 3, seller="s")
    ground.join("a", 3, seller="t")
    ground.join("b", 3)
    assert ground.lines.start(NOW) == ["sa0", "b0", "ta0", "b1", "sa1", "ta1"][: len(ground.lines._running)]


def test_a_place_and_a_turn_are_two_things() -> None:
    """What is fetched leaves its host's share, and keeps its place until the encoder has it."""
    ground = Ground(places=4)
    ground.join("a", 4)
    assert ground.lines.start(NOW) == ["a0", "a1"]
    ground.lines.fetched("a0")
    assert ground.lines.start(NOW) == ["a2"]
    ground.lines.fetched("a1")
    ground.lines.fetched("a2")
    assert ground.lines.start(NOW) == ["a3"]
    ground.lines.fetched("a3")
    ground.join("a", 1)
    assert ground.lines.start(NOW) == []
    ground.lines.release()
    assert ground.lines.start(NOW) == ["a0"]


def test_a_host_that_is_away_turns_all_away() -> None:
    """At once; and when its pause is over one may try."""
    ground = Ground()
    ground.join("a", 2)
    ground.join("b", 2)
    for _ in range(3):
        ground.hosts.failed("a", "x", NOW)
    turned = ground.lines.reject_stuck(NOW)
    assert [item for item, _ in turned] == ["a0", "a1"]
    assert all(away.retry_after == LIMITS.pauses[0] and not away.overloaded for _, away in turned)
    assert ground.lines.start(NOW) == ["b0", "b1"]
    ground.join("a", 2)
    assert ground.lines.start(NOW + 5) == ["a0"]
    assert ground.lines.reject_stuck(NOW + 5) == []


def test_lines_for_a_party_that_struggles_are_bounded() -> None:
    """The last are turned away, and it is not counted against them; for a host that is well any number may wait."""
    ground = Ground()
    ground.join("a:1", 10, shared=("address",))
    ground.join("a:2", 10, shared=("address",))
    assert len(ground.lines.start(NOW)) == 2
    assert ground.lines.reject_stuck(NOW) == []
    turned = ground.lines.reject_stuck(NOW + 60)
    assert len(turned) == 20 - 2 - LIMITS.line
    assert all(away.overloaded for _, away in turned)
    assert ground.lines.waiting == LIMITS.line


def test_who_is_silent_does_not_fill_the_hand() -> None:
    """While more than a part of the hand waits, of a party that is not known only its line may: long before it is sure
    that it struggles. Who answers, or is alone, may wait in any number."""
    ground = Ground(places=32, limits=dataclasses.replace(LIMITS, lines=10))
    for number in range(30):
        ground.join(f"evil:{number}", 1, seller=f"s{number}", shared=("address",))
    assert len(ground.lines.start(NOW)) == 2
    assert ground.lines.overloaded
    assert ground.lines.reject_stuck(NOW + LIMITS.silent_seconds) == []
    turned = ground.lines.reject_stuck(NOW + LIMITS.silent_seconds + 0.01)
    assert len(turned) == 28 - LIMITS.line
    assert all(away.overloaded for _, away in turned)
    assert not ground.lines.overloaded
    ground.join("good", 12, shared=("good.example",))
    assert len(ground.lines.start(NOW + 0.5)) == 2
    ground.shares.answered(["good", "good.example"], 0.1, NOW + 0.6, picture=True)
    assert not any(item.startswith("good") for item, _ in ground.lines.reject_stuck(NOW + 0.9))


def test_a_host_that_has_delivered_may_be_silent_for_longer() -> None:
    """A pause of a good host is no reason to put its events back; one that goes on hanging is."""
    ground = Ground(places=32, limits=dataclasses.replace(LIMITS, lines=2))
    ground.proven("good", times=2)
    ground.join("good", 10)
    ground.lines.start(NOW)
    assert ground.lines.overloaded
    assert ground.lines.reject_stuck(NOW + LIMITS.young_seconds) == []
    assert ground.lines.reject_stuck(NOW + LIMITS.young_seconds + 0.01)


def test_whoever_is_gone_leaves() -> None:
    """From the middle of a line too."""
    ground = Ground()
    ground.join("a", 3)
    assert ground.lines.leave(lambda _, item: item == "a1") == ["a1"]
    assert ground.lines.start(NOW) == ["a0", "a2"]


def test_what_a_picture_counts_for() -> None:
    """Its domain, not the names below it; its addresses, and of IPv6 what one customer is given; its seller."""
    one = picture_source_of("https://a.evil.co.uk/1", "s", ("2001:db8:1:2::3",), ())
    two = picture_source_of("https://b.evil.co.uk:8443/1", "s", ("2001:db8:1:9::3",), ())
    assert one.shared == two.shared == ("evil.co.uk", "2001:db8:1::/48")
    assert one.own == ("a.evil.co.uk:443", "seller s")
    assert picture_source_of("http://127.0.0.1:8000/", "", ("127.0.0.1",), ()).shared == ("127.0.0.1",)


@pytest.mark.parametrize("in_hand", [1, 60, 2_000])
def test_what_waits_is_a_part_of_the_hand(in_hand: int) -> None:
    """However little a worker takes in, those that wait for slow hosts leave room for the others."""
    limits = HostLimits.of_hand(in_hand)
    assert limits.line <= limits.lines <= max(1, in_hand // 4)
    assert HostLimits.of_hand(2_000) == HostLimits()
