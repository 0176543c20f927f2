"""The schedule, the order of views, and a checkpoint that is taken up again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from workers.training.loop import Progress, Student, batches, keep, optimiser, rate, resume
from workers.training.sources import Source
from workers.training.training_set import Plan, sayings


def test_rate_rises_then_falls_to_nothing_with_the_minutes() -> None:
    """A tenth of the warm-up gives a tenth of the rate; half-way the cosine is at a half; at the end at 0."""
    plan = Plan(minutes=10, rate=1e-3, warm_up=100)
    assert rate(plan, Progress(steps=9, seconds=0)) == pytest.approx(1e-4)
    assert rate(plan, Progress(steps=500, seconds=300)) == pytest.approx(0.5e-3)
    assert rate(plan, Progress(steps=900, seconds=700)) == pytest.approx(0)


def test_each_view_comes_once_before_any_comes_again() -> None:
    """Ten views in batches of five: two batches hold all ten."""
    drawn = batches(10, 5, np.random.default_rng(0))
    assert sorted(torch.cat([next(drawn), next(drawn)]).tolist()) == list(range(10))


def test_a_picture_is_said_in_three_ways() -> None:
    """Its title, title and folder, and folder; what is missing is left out."""
    assert sayings(Source(Path("a"), "clipart", "red apple", "fruit")) == ("red apple", "red apple fruit", "fruit")
    assert sayings(Source(Path("a"), "stamp", "red apple")) == ("red apple", "red apple", "red apple")


def test_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """Weights, steps and seconds come back as they were kept; without a checkpoint all begins at zero."""
    plan, kept, fresh = Plan(), Student(50), Student(50)
    file = tmp_path / "checkpoint.pt"
    assert resume(fresh, optimiser(fresh, plan), file) == Progress()
    keep(kept, optimiser(kept, plan), Progress(steps=7, seconds=8.5), file)
    assert resume(fresh, optimiser(fresh, plan), file) == Progress(steps=7, seconds=8.5)
    assert all(torch.equal(one, two) for one, two in zip(kept.parameters(), fresh.parameters(), strict=True))
