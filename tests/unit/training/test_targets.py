"""What the image tower is to match: the teachers' features and the colours of the same view."""

import numpy as np
import pytest
import torch

from workers.training import colours
from workers.training.training_set import COLOURS, FEATURES, Plan, Targets, histograms


def test_histogram_holds_the_root_of_each_share() -> None:
    """A picture three quarters black, one quarter white: √0.75 in the first box, √0.25 in the last, length 1."""
    picture = np.zeros((1, 2, 2, 3), np.uint8)
    picture[0, 0, 0] = 255
    found = colours.histograms(picture)[0]
    assert found[[0, 511]].tolist() == pytest.approx([0.75**0.5, 0.5])
    assert np.linalg.norm(found) == pytest.approx(1)


def test_histograms_of_views_are_those_of_pictures() -> None:
    """Both ways give the same rows for pixels that both look at."""
    picture = np.random.default_rng(0).integers(256, size=(4, 60, 60, 3), dtype=np.uint8).repeat(3, 1).repeat(3, 2)
    views = torch.from_numpy(picture).permute(0, 3, 1, 2).float() / 255
    assert histograms(views).numpy() == pytest.approx(colours.histograms(picture[:, ::3, ::3]), abs=1e-6)


def test_targets_weigh_features_and_colours_as_planned() -> None:
    """Of a target's unit length, the colours have 0.45 beside the features' 1, whatever the picture."""
    torch.manual_seed(0)
    features, counted = torch.rand(300, 640), torch.rand(300, 512)
    found = Targets(features, counted, Plan(colours=0.45))(features, counted)
    assert found.shape == (300, FEATURES + COLOURS)
    lengths = found[:, :FEATURES].norm(dim=1), found[:, FEATURES:].norm(dim=1)
    assert (lengths[1] / lengths[0]).numpy() == pytest.approx(np.full(300, 0.45), rel=1e-4)
    assert found.norm(dim=1).numpy() == pytest.approx(np.ones(300), rel=1e-5)
