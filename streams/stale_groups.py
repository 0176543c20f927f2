"""Groups of index workers that a change of the model has left behind: their lag is nobody's work."""

from collections.abc import Mapping
from dataclasses import dataclass

STALE_SECONDS = 86_400.0
"""A day: longer than a model's workers are stopped for an upgrade; Kafka itself forgets such a group after seven."""


@dataclass(frozen=True)
class GroupActivity:
    """What tells that a group is in use: who is in it, and when it last committed (ms since 1970; 0 if never said)."""

    members: int
    at: int


def stale_groups(signs: Mapping[str, GroupActivity], now: float) -> set[str]:
    """Those without a member for more than a day (`now`: s since 1970), while another group is in use.

    Where no group is in use, none is stale: then the workers are down, and what they leave undone is lag.

    >>> stale_groups({"old": GroupActivity(0, 1_000), "new": GroupActivity(2, 90_000_000)}, 90_000.0)
    {'old'}
    >>> stale_groups({"old": GroupActivity(0, 1_000)}, 90_000.0)
    set()
    """
    in_use = {group for group, sign in signs.items() if sign.members or now - sign.at / 1_000 <= STALE_SECONDS}
    return signs.keys() - in_use if in_use else set()
