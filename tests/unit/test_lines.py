"""Places are shared fairly between image hosts, and nobody waits long for one that struggles."""

from workers.images.hosts import Hosts
from workers.images.limits import HostLimits
from workers.images.lines import Lines

LIMITS = HostLimits(open_after=3, of_pictures=1, share_first=2, share_most=6, line=3)
NOW = 100.0


def lines(places: int = 8) -> tuple[Hosts, Lines[str]]:
    """Lines of a number of places."""
    hosts = Hosts(LIMITS)
    return hosts, Lines(hosts, places, LIMITS)


def join(these: Lines[str], host: str, count: int) -> None:
    """So many pictures of a host."""
    for number in range(count):
        these.join(host, f"{host}{number}")


def started(these: Lines[str], now: float = NOW) -> list[str]:
    """What starts."""
    return [item for _, item in these.start(now)]


def test_one_host_alone_may_have_half_of_the_places() -> None:
    """What it has not earned beyond that is kept for others."""
    _, these = lines()
    join(these, "a", 20)
    assert started(these) == ["a0", "a1", "a2", "a3"]
    assert these.waiting == 16
    join(these, "b", 20)
    assert started(these) == ["b0", "b1"]
    join(these, "c", 20)
    assert started(these) == ["c0", "c1"]
    join(these, "d", 1)
    assert started(these) == []


def test_a_quick_host_may_have_its_share() -> None:
    """Up to the most that any may have."""
    hosts, these = lines()
    for _ in range(20):
        hosts.succeeded("a", 0.1, NOW)
    join(these, "a", 20)
    assert len(started(these)) == LIMITS.share_most


def test_hosts_take_turns() -> None:
    """However long the line of one of them."""
    _, these = lines()
    join(these, "a", 3)
    join(these, "b", 3)
    assert started(these) == ["a0", "b0", "a1", "b1"]


def test_a_place_and_a_turn_are_two_things() -> None:
    """What is fetched leaves its host's share, and keeps its place until the encoder has it."""
    _, these = lines(places=2)
    join(these, "a", 4)
    assert started(these) == ["a0", "a1"]
    these.fetched("a")
    assert started(these) == []
    these.give()
    assert started(these) == ["a2"]


def test_a_host_that_is_away_turns_all_away() -> None:
    """At once; and when its pause is over one may try."""
    hosts, these = lines()
    join(these, "a", 2)
    join(these, "b", 2)
    for _ in range(3):
        hosts.failed("a", "x", NOW)
    turned = these.turn_away(NOW)
    assert [item for item, _ in turned] == ["a0", "a1"]
    assert all(away.retry_after == LIMITS.pauses[0] and not away.crowded for _, away in turned)
    assert started(these) == ["b0", "b1"]
    join(these, "a", 2)
    assert started(these, NOW + 5) == ["a0"]
    assert these.turn_away(NOW + 5) == []


def test_a_line_for_a_host_that_struggles_is_bounded() -> None:
    """The last are turned away, and it is not counted against them; for a host that is well any number may wait."""
    hosts, these = lines()
    join(these, "a", 10)
    assert len(started(these)) == 4
    assert these.turn_away(NOW) == []
    hosts.begin("a", NOW)
    turned = these.turn_away(NOW + 60)
    assert [item for item, _ in turned] == ["a9", "a8", "a7"]
    assert all(away.crowded for _, away in turned)
    assert these.waiting == LIMITS.line


def test_whoever_is_gone_leaves() -> None:
    """From the middle of a line too."""
    _, these = lines()
    join(these, "a", 3)
    assert these.leave(lambda _, item: item == "a1") == ["a1"]
    assert started(these) == ["a0", "a2"]
