"""Team draft (Radlinski, Kurup and Joachims, 2008): two rankings of one query in one shelf, fair to both."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from schemas.interaction import Team

Shown = TypeVar("Shown")


def team_draft(
    live: Sequence[Shown],
    anchor: Sequence[Shown],
    k: int,
    coin: Callable[[], bool],
    fits: Callable[[Shown], bool],
) -> list[tuple[Shown, Team]]:
    """Up to `k` items, each with the team that chose it.

    The team with fewer items chooses next, a coin decides where both have as many (True: live). A team chooses the
    best of its own ranking that `fits`, which is asked right before an item is taken, and refuses what is there
    already; where it has none left the other goes on.

    >>> there: set[str] = set()
    >>> team_draft("abc", "bca", 3, lambda: True, lambda each: not (each in there or there.add(each)))
    [('a', 'live'), ('b', 'anchor'), ('c', 'live')]
    """
    rankings: dict[Team, Sequence[Shown]] = {"live": live, "anchor": anchor}
    at: dict[Team, int] = {"live": 0, "anchor": 0}
    counts: dict[Team, int] = {"live": 0, "anchor": 0}
    shelf: list[tuple[Shown, Team]] = []

    def choose(team: Team) -> bool:
        while at[team] < len(rankings[team]):
            item = rankings[team][at[team]]
            at[team] += 1
            if fits(item):
                shelf.append((item, team))
                counts[team] += 1
                return True
        return False

    while len(shelf) < k:
        ahead = counts["live"] - counts["anchor"]
        first: Team = "live" if ahead < 0 or (ahead == 0 and coin()) else "anchor"
        if not choose(first) and not choose("anchor" if first == "live" else "live"):
            break
    return shelf
