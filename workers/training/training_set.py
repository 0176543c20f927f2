"""What the image tower is to match, how the texts are said, and the plan: how long, how fast, in what mixture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from transformers import SiglipTokenizer

from workers.models.texts import prepare
from workers.training.colours import BOXES
from workers.training.teacher import Reducer, fit_reducer
from workers.training.tokenizer import encode

FEATURES, COLOURS = 192, 64  # dimensions of the two parts of the target


@dataclass(frozen=True)
class Plan:
    """How to train. The learning rate rises for `warm_up` steps, then falls to 0 by a half cosine over `minutes`."""

    minutes: float = 8
    batch: int = 1024  # views a step
    fresh: int = 128  # of them, views that are new; the others were seen in earlier steps
    stored: int = 300_000  # views kept to be seen again (49 kB each)
    sample: int = 16_384  # views that the principal components are found from
    rate: float = 1e-3
    decay: float = 0.05
    warm_up: int = 300
    average: float = 0.999  # decay of the moving average of the weights, which is what is saved
    title_weight: float = 0.3  # of the sigmoid loss, beside 1 for each of the two distillation losses
    whitening: float = 0.5  # of both parts of the target
    colours: float = 0.45  # the length of the target's colour part, beside 1 for the teachers' features
    temperature: float = 0.1
    seed: int = 0


class Targets:
    """The teachers' features and, shorter, the colours of a view: rows of unit length (N, 256)."""

    def __init__(self, features: Tensor, colours: Tensor, plan: Plan) -> None:
        """Fit the principal components of both parts to a sample of views."""
        self.length = plan.colours
        self.parts = [
            _to(fit_reducer(rows.cpu().numpy(), width, plan.whitening), rows.device)
            for rows, width in ((features, FEATURES), (colours, COLOURS))
        ]

    def __call__(self, features: Tensor, colours: Tensor) -> Tensor:
        """The targets of views, from their features and histograms."""
        first, second = (
            functional.normalize((functional.normalize(rows) - mean) @ axes)
            for rows, (mean, axes) in zip((features, colours), self.parts, strict=True)
        )
        return functional.normalize(torch.cat((first, self.length * second), dim=1))


def _to(reducer: Reducer, device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(reducer.mean).to(device), torch.from_numpy(reducer.axes).to(device)


def histograms(pixels: Tensor) -> Tensor:
    """The root of each colour's share (N, 512) in views (N, 3, side, side) in [0, 1], as `colours.histograms`."""
    boxes = (pixels[..., ::3, ::3] * 255).long().clamp(0, 255).div(32, rounding_mode="floor")
    number = (boxes[:, 0] * 64 + boxes[:, 1] * 8 + boxes[:, 2]).flatten(1)
    counts = torch.zeros((len(pixels), BOXES), device=pixels.device)
    counts.scatter_add_(1, number, torch.ones_like(number, dtype=torch.float32))
    return (counts / number.shape[1]).sqrt()


@dataclass(frozen=True)
class Texts:
    """Each cut-out's texts in pieces (N, 3, TEXT_LENGTH), and numbers that are equal for equal texts (N, 3)."""

    pieces: Tensor
    same: Tensor


def make_texts(titles: list[str], folders: list[str], tokenizer: SiglipTokenizer, device: torch.device) -> Texts:
    """Write every text in pieces."""
    texts = [saying for title, folder in zip(titles, folders, strict=True) for saying in sayings(title, folder)]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    return Texts(
        pieces=torch.tensor(encode(tokenizer, texts), device=device).view(len(titles), 3, -1),
        same=torch.tensor([numbers[text] for text in texts], device=device).view(len(titles), 3),
    )


def sayings(title: str, folder: str) -> tuple[str, str, str]:
    """The three texts that a picture is paired with in turn: its title, title and folder, its folder."""
    title, folder = (prepare(text, "titles") for text in (title, folder))
    return title, f"{title} {folder}".strip(), folder or title
