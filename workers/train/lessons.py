"""The training set as tensors, and the plan: how long, how fast, in what mixture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import SiglipTokenizer

from workers.train.cache import Views
from workers.train.sources import Source
from workers.train.teacher import fit_reducer, unit
from workers.train.tokenizer import encode


@dataclass(frozen=True)
class Plan:
    """How to train. The learning rate rises for `warm_up` steps, then falls to 0 by a half cosine over `minutes`."""

    minutes: float = 45
    batch: int = 192  # views a step, all processes together
    rate: float = 1e-3
    decay: float = 0.05
    warm_up: int = 100
    title_weight: float = 0.3  # of the sigmoid loss, beside 1 for each of the two distillation losses
    whitening: float = 0.5  # of the teacher's PCA-128: nDCG@5 of the teacher itself rises by 1.8 % with it
    temperature: float = 0.1
    seed: int = 0
    save_every: float = 5  # minutes


@dataclass(frozen=True)
class Lessons:
    """The training set as tensors: pixels as bytes, targets (N, 128), and the ways to say each source in pieces."""

    pixels: Tensor
    targets: Tensor
    source: Tensor
    sayings: Tensor  # (sources, 3, TEXT_LENGTH): title; title and folder; folder
    same: Tensor  # (sources, 3): equal numbers for equal texts


def lessons(sources: list[Source], views: Views, tokenizer: SiglipTokenizer, plan: Plan) -> Lessons:
    """Reduce the teacher's features and write every text in pieces."""
    features = views.features.astype(np.float32)
    reduce = fit_reducer(features[:: max(1, len(features) // 20_000)], whitening=plan.whitening)
    texts = [saying for one in sources for saying in sayings(one)]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    return Lessons(
        pixels=torch.from_numpy(views.pixels),
        targets=torch.from_numpy(unit(reduce(features))),
        source=torch.from_numpy(views.source).long(),
        sayings=torch.tensor(encode(tokenizer, texts)).view(len(sources), 3, -1),
        same=torch.tensor([numbers[text] for text in texts]).view(len(sources), 3),
    )


def sayings(source: Source) -> tuple[str, str, str]:
    """The three texts that a picture is paired with in turn: its title, title and folder, its folder."""
    return source.text, f"{source.text} {source.folder}".strip(), source.folder or source.text
