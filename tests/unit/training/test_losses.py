"""The losses against values worked out by hand."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from workers.training.losses import direction_loss, sigmoid_loss, similarity_loss


def test_sigmoid_loss_is_as_worked_out_by_hand() -> None:
    """Two pairs, at right angles to each other, inverse temperature 10, bias −10.

    Each right pair has the logit 10 · 1 − 10 = 0 and costs log 2; each wrong one has −10 and costs log(1 + e^−10).
    Divided by the two pairs, that is log 2 + log(1 + e^−10).
    """
    eye = torch.eye(2)
    same = torch.eye(2, dtype=torch.bool)
    found = sigmoid_loss(eye, eye, torch.tensor(math.log(10)), torch.tensor(-10.0), same)
    assert found.item() == pytest.approx(math.log(2) + math.log1p(math.exp(-10)), abs=1e-6)


def test_equal_titles_are_not_pushed_apart() -> None:
    """Two pictures of one title: only the right pairs count, so that the loss is that of the diagonal."""
    images, texts = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    same = torch.ones(2, 2, dtype=torch.bool)
    found = sigmoid_loss(images, texts, torch.tensor(0.0), torch.tensor(0.0), same)
    right, across = math.log1p(math.exp(-1)), math.log(2)
    assert found.item() == pytest.approx((right + across) / 2, abs=1e-6)


def test_direction_loss_sees_direction_only() -> None:
    """Parallel rows cost 0, opposite ones 2, whatever their length."""
    rows = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    assert direction_loss(rows, 7 * rows).item() == pytest.approx(0, abs=1e-6)
    assert direction_loss(rows, -rows).item() == pytest.approx(2, abs=1e-6)


def test_similarity_loss_is_zero_for_the_same_similarities() -> None:
    """A rotated copy has the same similarities and costs nothing; other vectors cost more."""
    torch.manual_seed(0)
    teacher = normalize(torch.randn(6, 4), dim=-1)
    turn, _ = torch.linalg.qr(torch.randn(4, 4))
    assert similarity_loss(teacher @ turn, teacher).item() == pytest.approx(0, abs=1e-5)
    assert similarity_loss(normalize(torch.randn(6, 4), dim=-1), teacher).item() > 0.1


def test_similarity_loss_leaves_a_row_itself_out() -> None:
    """With two rows there is one other for each, so the distributions are equal and the loss is zero."""
    ours, theirs = torch.eye(2), normalize(torch.ones(2, 2), dim=-1)
    assert similarity_loss(ours, theirs).item() == pytest.approx(0, abs=1e-6)
