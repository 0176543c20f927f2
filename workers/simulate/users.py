"""Who comes: few of them often, most of them hardly ever, each with tastes of their own; and some are no people."""

from dataclasses import dataclass

import numpy as np

from workers.simulate.draws import Flags, Floats, Ints, Vectors, chance
from workers.simulate.pictures import DIMENSIONS, unit

BOTS = 5
"""As many pretend to be users, where there are bots at all."""
_WEB = 0.3  # of all, on the website
_UPDATE_WITHIN = 5.0  # days


@dataclass(frozen=True)
class People:
    """N users, the last BOTS of them bots.

    `visits`: running total of how often each comes; `likes`: how fond of each category (N, C); `taste`: unit rows
    (N, DIMENSIONS); `update`: days after a release until they may have it; `reluctance`: uniform in [0, 1), the
    lower ones do update; `arm`: 0 or 1, of an experiment that changes nothing.
    """

    visits: Floats
    likes: Vectors
    taste: Floats
    web: Flags
    update: Floats
    reluctance: Floats
    arm: Ints

    @property
    def bots(self) -> Ints:
        """Their numbers."""
        return np.arange(len(self.web) - BOTS, len(self.web))


def make_users(seed: int, count: int, categories: int) -> People:
    """`count` users and the bots.

    Activity is lognormal with sigma 1.4: of 1,000 the busiest tenth makes about half of all visits.
    """
    draw, every = chance(seed, "people"), count + BOTS
    activity = draw.lognormal(0, 1.4, every)
    activity[-BOTS:] = 0
    likes = draw.gamma(0.4, size=(every, categories))
    likes /= likes.sum(axis=1, keepdims=True)
    return People(
        visits=np.cumsum(activity),
        likes=(likes + 0.2 / categories).astype(np.float32),
        taste=unit(draw.normal(size=(every, DIMENSIONS))),
        web=draw.random(every) < _WEB,
        update=draw.random(every) * _UPDATE_WITHIN,
        reluctance=draw.random(every),
        arm=draw.integers(0, 2, every),
    )
