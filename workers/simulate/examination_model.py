"""Which places of a shelf are visible, which are looked at, and when that becomes a click: the examination model.

A place is clicked where it is looked at and its item attracts (the position-based model; Craswell et al., WSDM 2008),
or, for the first places, because it stands there (trust bias; Agarwal et al., WWW 2019).
"""

from dataclasses import dataclass

import numpy as np

from workers.simulate.draws import Flags, Floats, Ints

WIDTH = 10
"""Items of a shelf."""
UNHEARD = 0.04
"""Share of shelves of which the app never says what was seen: closed at once, or the connection was lost."""
_TRUST_HALVES = 3.0  # places


@dataclass(frozen=True)
class Layout:
    """How a shelf lies on the screen.

    `visible`: how likely a place comes onto the screen, never more than the one before it; `looked`: how likely it is
    looked at, once visible.
    """

    name: str
    visible: tuple[float, ...]
    looked: tuple[float, ...]

    @property
    def examined(self) -> Floats:
        """How likely each place is looked at, where a shelf comes onto the screen at all: the examination curve."""
        curve: Floats = np.array(self.visible) * np.array(self.looked) / self.visible[0]
        return curve


LAYOUTS = (
    # The app's row: four places, then swipes of three.
    Layout(
        "row",
        (1, 1, 1, 1, 0.55, 0.55, 0.55, 0.3, 0.3, 0.3),
        (0.95, 0.82, 0.7, 0.62, 0.62, 0.56, 0.5, 0.55, 0.5, 0.45),
    ),
    # The app's grid, from the release on: two by two, lower on the page, the rest behind "show more".
    Layout(
        "grid",
        (0.85, 0.85, 0.7, 0.7, 0.35, 0.35, 0.3, 0.3, 0.25, 0.25),
        (0.9, 0.85, 0.65, 0.6, 0.6, 0.55, 0.5, 0.5, 0.5, 0.45),
    ),
    # The website: six beside each other, an arrow for the rest.
    Layout(
        "wide",
        (1, 1, 1, 1, 1, 1, 0.25, 0.25, 0.25, 0.25),
        (0.85, 0.78, 0.7, 0.6, 0.5, 0.45, 0.6, 0.55, 0.5, 0.45),
    ),
)
ROW, GRID, WIDE = range(3)
_VISIBLE = np.array([each.visible for each in LAYOUTS])
_LOOKED = np.array([each.looked for each in LAYOUTS])


def depth(layout: Ints, uniform: Floats) -> Ints:
    """How many places come onto the screen, of shelves in `layout` (n,) with `uniform` numbers (n,)."""
    places: Ints = (uniform[:, None] < _VISIBLE[layout]).sum(axis=1)
    return places


def looked_at(layout: Ints, visible: Ints, uniform: Floats) -> Flags:
    """Which places (n, WIDTH) are looked at, where `visible` (n,) many are on the screen."""
    return (uniform < _LOOKED[layout]) & (np.arange(WIDTH) < visible[:, None])


def trust(first: float) -> Floats:
    """How likely each place, looked at, is clicked though its item attracts nobody; `first` at the first place."""
    shares: Floats = first * 0.5 ** (np.arange(WIDTH) / _TRUST_HALVES)
    return shares
