"""Augmented views keep their promises, whatever chance brings."""

from pathlib import Path

import numpy as np
import pytest

from workers.training.augmentation import Settings, view
from workers.training.sources import Loaded, Source

SOMEWHERE = Path("picture.png")


def loaded(kind: str) -> Loaded:
    """A picture with a red square in its transparent middle, or a photo of noise."""
    pixels = np.zeros((60, 90, 4), np.uint8)
    if kind == "photo":
        pixels = np.random.default_rng(0).integers(256, size=pixels.shape, dtype=np.uint8)
        pixels[..., 3] = 255
    else:
        pixels[20:40, 30:60] = (255, 0, 0, 255)
    return Loaded(Source(SOMEWHERE, "photo" if kind == "photo" else "clipart", "red square"), pixels)


@pytest.mark.parametrize("seed", range(40))
def test_view_is_a_square_of_pixels(seed: int) -> None:
    """Every view has the asked size and three bands."""
    chance = np.random.default_rng(seed)
    others = [loaded("clipart"), loaded("photo")]
    for one in others:
        assert view(one, others, Settings(side=64), chance).pixels.shape == (64, 64, 3)


def test_plain_view_is_the_picture_squashed_on_white() -> None:
    """A plain view shows what the index worker will see: white around, red in the middle, the text holds."""
    drawn = view(loaded("clipart"), [loaded("clipart")], Settings(plain=1), np.random.default_rng(0))
    assert drawn.titled
    assert drawn.pixels[0, 0].tolist() == [255, 255, 255]
    assert drawn.pixels[112, 112].tolist() == [255, 0, 0]


@pytest.mark.parametrize("seed", range(10))
def test_photos_and_collages_have_no_title(seed: int) -> None:
    """What shows a part of a photo, or several pictures, is not what a title says."""
    chance = np.random.default_rng(seed)
    others = [loaded("clipart"), loaded("photo")]
    assert not view(loaded("photo"), others, Settings(), chance).titled
    assert not view(loaded("clipart"), others, Settings(plain=0, collage=1), chance).titled


def test_same_chance_same_view() -> None:
    """A view follows from its seed, so that a training set can be rendered again."""
    others = [loaded("clipart"), loaded("photo")]
    first, again = (view(others[0], others, Settings(), np.random.default_rng(5)).pixels for _ in range(2))
    assert np.array_equal(first, again)
