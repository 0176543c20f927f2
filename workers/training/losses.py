"""The training losses: pairwise sigmoid on image–title pairs, and distillation from the teacher's features."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def sigmoid_loss(images: Tensor, texts: Tensor, scale: Tensor, bias: Tensor, same: Tensor) -> Tensor:
    """Pairwise sigmoid loss of SigLIP (Zhai et al., 2023, arXiv 2303.15343, algorithm 1), a scalar.

    `images` and `texts` are (N, D) of unit length, row i of one belonging to row i of the other; `scale` is the
    logarithm of the inverse temperature. `same` (N, N) is true where two titles are equal: such a pair off the
    diagonal is neither right nor wrong and is left out. Like the original, the sum over pairs is divided by N.
    """
    logits = images @ texts.T * scale.exp() + bias
    own = torch.eye(len(images), dtype=torch.bool, device=images.device)
    signs = torch.where(own, 1.0, -1.0)
    each = -functional.logsigmoid(signs * logits)
    return each.masked_fill(same & ~own, 0.0).sum() / len(images)


def direction_loss(guesses: Tensor, targets: Tensor) -> Tensor:
    """Mean of 1 − cosine between rows of two (N, D) tensors, a scalar in [0, 2]."""
    return (1 - functional.cosine_similarity(guesses, targets, dim=-1)).mean()


def similarity_loss(student: Tensor, teacher: Tensor, temperature: float = 0.1) -> Tensor:
    """Mean Kullback–Leibler divergence of the student's in-batch similarities from the teacher's, a scalar.

    Rows of `student` (N, D) and `teacher` (N, E) have unit length. For each row, the cosines to all the others,
    divided by the temperature, become a distribution by softmax (similarity-preserving distillation as in SEED,
    Fang et al., 2021, arXiv 2101.04731, with the batch as the queue).
    """
    ours, theirs = (_others(rows @ rows.T / temperature) for rows in (student, teacher))
    return functional.kl_div(
        functional.log_softmax(ours, dim=-1),
        functional.log_softmax(theirs, dim=-1),
        log_target=True,
        reduction="batchmean",
    )


def _others(square: Tensor) -> Tensor:
    """Drop the diagonal of an (N, N) tensor: (N, N − 1)."""
    count = len(square)
    return square.flatten()[1:].view(count - 1, count + 1)[:, :-1].reshape(count, count - 1)
