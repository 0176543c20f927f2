"""Team draft: fair to both rankings, whatever they are."""

from collections import Counter
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from schemas.interaction import Team
from streams.keyed_hash import HashKey
from workers.server.seeded_random import SeededRandom
from workers.server.team_draft import team_draft

KEY = HashKey("a key of the tests, long enough")
rankings = st.lists(st.integers(0, 20), unique=True, max_size=15)


def draft(live: list[int], anchor: list[int], k: int, coin: Callable[[], bool]) -> list[tuple[int, Team]]:
    """Each item once."""
    there: set[int] = set()

    def fits(item: int) -> bool:
        new = item not in there
        there.add(item)
        return new

    return team_draft(live, anchor, k, coin, fits)


@given(rankings, rankings, st.integers(0, 20), st.text(max_size=8))
def test_what_holds_always(live: list[int], anchor: list[int], k: int, request_id: str) -> None:
    """As many as there are, each once, a team's in the order of its ranking; never two ahead while both have some."""
    random = SeededRandom(KEY, request_id)
    shelf = draft(live, anchor, k, lambda: random.bernoulli("team"))
    items = [item for item, _ in shelf]
    assert len(items) == len(set(items)) == min(k, len({*live, *anchor}))
    for team, ranking in (("live", live), ("anchor", anchor)):
        own = [item for item, of in shelf if of == team]
        assert own == [item for item in ranking if item in own]
    left: dict[Team, list[int]] = {"live": live, "anchor": anchor}
    for length in range(1, len(shelf) + 1):
        counts = Counter(team for _, team in shelf[:length])
        if all(set(each) - set(items[: length - 1]) for each in left.values()):
            assert abs(counts["live"] - counts["anchor"]) <= 1


@given(rankings, rankings, st.integers(1, 10))
def test_mirrored(live: list[int], anchor: list[int], k: int) -> None:
    """With teams and coins the other way round the shelf is the same, its teams the other way round: neither is
    favoured."""
    falls = [number % 3 == 0 for number in range(40)]
    one, other = iter(falls), iter(falls)
    first = draft(live, anchor, k, lambda: next(one))
    second = draft(anchor, live, k, lambda: not next(other))
    turned = {"live": "anchor", "anchor": "live"}
    assert [(item, turned[team]) for item, team in first] == second


def test_equal_rankings_are_shared_evenly() -> None:
    """Of the first places of two equal rankings each team has half."""
    runs, firsts = 4_000, Counter[Team]()
    for number in range(runs):
        coin = SeededRandom(KEY, f"r{number}").bernoulli("team")
        firsts[draft([1, 2, 3], [1, 2, 3], 1, lambda coin=coin: coin)[0][1]] += 1  # type: ignore[misc]
    assert abs(firsts["live"] - runs / 2) < 5 * (runs / 4) ** 0.5


def test_one_side_is_empty() -> None:
    """The other goes on alone."""
    assert draft([], [1, 2], 3, lambda: True) == [(1, "anchor"), (2, "anchor")]
    assert draft([1], [1], 3, lambda: False) == [(1, "anchor")]
