"""A bystander: a seller whose listings are good, and what an attack by others costs it.

bystander = Bystander.of_case(case)
quiet = bystander.seconds()
with attack_that_goes_on():
    attacked = bystander.seconds()
assert_unharmed(quiet, attacked)
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from awaiting import eventually
from catalogue import Catalogue
from faults.case import Case

RATIO = 3.0
"""The time from publish to queryable during an attack is at most so many times that without it."""
FLOOR_SECONDS = 1.0
"""An undisturbed time below this is taken as this: three times a tenth of a second is the noise of a busy machine."""
TIMES = 5


@dataclass(frozen=True)
class Bystander:
    """Publishes good listings one after another, on a catalogue whose workers are running."""

    shop: Catalogue
    publish: Callable[[], str]
    """Publishes a new listing that nothing is wrong with; returns its id as soon as Kafka has the event."""

    @classmethod
    def of_case(cls, case: Case) -> Self:
        """Its listings are in the ledger of the case, their pictures on the image host of its scene."""

        def publish() -> str:
            made = case.new(1)
            case.send(made)
            return made[0].listing_id

        return cls(case.shop, publish)

    def seconds(self, times: int = TIMES, *, within: float = 120.0) -> float:
        """The median time from publish to queryable of `times` listings, in seconds.

        The test fails when one of them is not in the index after `within` seconds.
        """
        return statistics.median(self._one(within) for _ in range(times))

    def _one(self, within: float) -> float:
        began = time.monotonic()
        listing_id = self.publish()
        eventually(
            lambda: self.shop.known(listing_id).row,
            f"the good listing {listing_id} is queryable",
            seconds=within,
            pause=0.02,
        )
        return time.monotonic() - began


def assert_unharmed(quiet: float, attacked: float, *, ratio: float = RATIO, what: str = "the attack") -> None:
    """The test fails when a bystander waited more than `ratio` times as long as without the attack, in seconds."""
    limit = ratio * max(quiet, FLOOR_SECONDS)
    assert attacked <= limit, (
        f"publish to queryable took {attacked:.2f} s during {what}, {quiet:.2f} s without it: above {limit:.2f} s"
    )
