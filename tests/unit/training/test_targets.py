"""What the image tower is to match: the teacher's features and the colours of the same view."""

import numpy as np
import pytest

from workers.training.cache import Views
from workers.training.colours import histograms
from workers.training.training_set import COLOURS, FEATURES, Plan, targets


def test_histogram_holds_the_root_of_each_share() -> None:
    """A picture three quarters black, one quarter white: √0.75 in the first box, √0.25 in the last, length 1."""
    picture = np.zeros((1, 2, 2, 3), np.uint8)
    picture[0, 0, 0] = 255
    found = histograms(picture)[0]
    assert found[[0, 511]].tolist() == pytest.approx([0.75**0.5, 0.5])
    assert np.linalg.norm(found) == pytest.approx(1)


def test_targets_weigh_features_and_colours_as_planned() -> None:
    """Of a target's unit length, the colours have 0.6 beside the features' 1, whatever the picture."""
    chance = np.random.default_rng(0)
    views = Views(
        chance.integers(256, size=(300, 16, 16, 3), dtype=np.uint8),
        chance.random((300, 1280)).astype(np.float16),
        np.full(300, -1, np.int32),
    )
    found = targets(views, Plan(colours=0.6))
    assert found.shape == (300, FEATURES + COLOURS)
    lengths = np.linalg.norm(found[:, :FEATURES], axis=1), np.linalg.norm(found[:, FEATURES:], axis=1)
    assert lengths[1] / lengths[0] == pytest.approx(np.full(300, 0.6), rel=1e-4)
