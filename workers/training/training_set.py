"""The training set as tensors, and the plan: how long, how fast, in what mixture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import SiglipTokenizer

from workers.models.texts import prepare
from workers.training.cache import Views
from workers.training.colours import histograms
from workers.training.sources import Source
from workers.training.teacher import fit_reducer, unit
from workers.training.tokenizer import encode

FEATURES, COLOURS = 128, 64  # dimensions of the two parts of the target
SAMPLE = 20_000  # views that the principal components are found from


@dataclass(frozen=True)
class Plan:
    """How to train. The learning rate rises for `warm_up` steps, then falls to 0 by a half cosine over `minutes`."""

    minutes: float = 45
    batch: int = 192  # views a step, all processes together
    rate: float = 1e-3
    decay: float = 0.05
    warm_up: int = 100
    title_weight: float = 0.3  # of the sigmoid loss, beside 1 for each of the two distillation losses
    # With both, the target's own nDCG@5 is 7 % above the plain teacher's, on training pictures and on held-out ones.
    whitening: float = 0.5  # of both parts of the target
    colours: float = 0.6  # the length of the target's colour part, beside 1 for the teacher's features
    temperature: float = 0.1
    seed: int = 0
    save_every: float = 5  # minutes


@dataclass(frozen=True)
class TrainingSet:
    """The training set as tensors: pixels as bytes, targets (N, 192), and the ways to say each source in pieces."""

    pixels: Tensor
    targets: Tensor
    source: Tensor
    sayings: Tensor  # (sources, 3, TEXT_LENGTH): title; title and folder; folder
    same: Tensor  # (sources, 3): equal numbers for equal texts


def make_training_set(sources: list[Source], views: Views, tokenizer: SiglipTokenizer, plan: Plan) -> TrainingSet:
    """Put the targets together and write every text in pieces."""
    texts = [saying for one in sources for saying in sayings(one)]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    return TrainingSet(
        pixels=torch.from_numpy(views.pixels),
        targets=torch.from_numpy(targets(views, plan)),
        source=torch.from_numpy(views.source).long(),
        sayings=torch.tensor(encode(tokenizer, texts)).view(len(sources), 3, -1),
        same=torch.tensor([numbers[text] for text in texts]).view(len(sources), 3),
    )


def targets(views: Views, plan: Plan) -> NDArray[np.float32]:
    """What the image tower is to match, of unit length (N, 192): the teacher's features and, shorter, the colours."""
    parts = [
        (views.features.astype(np.float32), FEATURES, 1.0),
        (histograms(views.pixels), COLOURS, plan.colours),
    ]
    reduced = []
    for rows, width, length in parts:
        sample = rows[:: max(1, len(rows) // SAMPLE)]
        reduced.append(length * unit(fit_reducer(sample, width, plan.whitening)(rows)))
    return unit(np.concatenate(reduced, axis=1))


def sayings(source: Source) -> tuple[str, str, str]:
    """The three texts that a picture is paired with in turn: its title, title and folder, its folder."""
    title, folder = (prepare(text, "titles") for text in (source.text, source.folder))
    return title, f"{title} {folder}".strip(), folder or title
