"""The training loop, on one device: fresh views, their targets by the teachers, and a step of the small model.

A view costs the teachers more than the model, so it is stored and seen some four times: by the same pixels and target,
for "a good teacher is patient and consistent" (Beyer et al., 2022, arXiv 2106.05237).
"""

from __future__ import annotations

import copy
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional
from transformers import SiglipModel

from workers.process import atomic_write
from workers.training.losses import direction_loss, sigmoid_loss, similarity_loss
from workers.training.pictures import Pictures
from workers.training.small_siglip import SIDE, WIDTH, build
from workers.training.training_set import COLOURS, FEATURES, Plan, Targets, Texts, histograms
from workers.training.views import Augmentation, draw


@dataclass
class Progress:
    """Steps done, and seconds of training spent."""

    steps: int = 0
    seconds: float = 0.0


class Student(nn.Module):
    """The model, and a linear layer to the target's dimensions that only training uses."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.model: SiglipModel = build(pieces)
        self.to_teacher = nn.Linear(WIDTH, FEATURES + COLOURS)


@dataclass
class StoredViews:
    """Views that were drawn and judged, in a ring: pixels (N, 3, 128, 128) as bytes, targets, whose title holds."""

    pixels: Tensor
    targets: Tensor
    titled: Tensor
    written: int = 0

    @classmethod
    def make(cls, count: int, device: torch.device) -> StoredViews:
        """An empty ring for `count` views."""
        return cls(
            torch.empty((count, 3, SIDE, SIDE), dtype=torch.uint8, device=device),
            torch.empty((count, FEATURES + COLOURS), dtype=torch.float32, device=device),
            torch.empty(count, dtype=torch.int64, device=device),
        )

    def add(self, pixels: Tensor, targets: Tensor, titled: Tensor) -> Tensor:
        """Write views over the oldest; their rows."""
        rows = (torch.arange(len(pixels), device=pixels.device) + self.written) % len(self.pixels)
        self.pixels[rows], self.targets[rows], self.titled[rows] = pixels, targets, titled
        self.written += len(pixels)
        return rows

    def sample(self, count: int, chance: Generator) -> Tensor:
        """Rows of `count` stored views."""
        filled = min(self.written, len(self.pixels))
        return torch.randint(filled, (count,), generator=chance, device=self.pixels.device)


def shrink(pixels: Tensor) -> Tensor:
    """Views in [0, 1] as the model's image processor would shrink them: bytes (N, 3, 128, 128)."""
    small = functional.interpolate(pixels, (SIDE, SIDE), mode="bicubic", antialias=True, align_corners=False)
    return (small.clamp(0, 1) * 255).round().to(torch.uint8)


def loss(student: Student, views: StoredViews, rows: Tensor, texts: Texts, plan: Plan, chance: Generator) -> Tensor:
    """The losses of one batch (4,): direction, similarity, title, and their weighted sum."""
    device = rows.device
    pixels = views.pixels[rows].float() / 127.5 - 1
    flip = (torch.rand(len(rows), generator=chance, device=device) < 0.5)[:, None, None, None]
    pixels = torch.where(flip, pixels.flip(3), pixels)
    titled = (views.titled[rows] >= 0).nonzero().flatten()
    which = views.titled[rows[titled]]
    shares = torch.tensor([0.6, 0.3, 0.1], device=device)
    form = torch.multinomial(shares, len(titled), replacement=True, generator=chance)
    with torch.autocast(device.type, torch.bfloat16):
        images = student.model.get_image_features(pixels).pooler_output
        said = student.model.get_text_features(input_ids=texts.pieces[which, form]).pooler_output
        guesses = student.to_teacher(images)
    targets, directions = views.targets[rows], functional.normalize(images.float())
    same = texts.same[which, form]
    direction = direction_loss(guesses.float(), targets)
    similarity = similarity_loss(directions, targets, plan.temperature)
    title = sigmoid_loss(
        directions[titled],
        functional.normalize(said.float()),
        student.model.logit_scale,
        student.model.logit_bias,
        same[:, None] == same[None, :],
    )
    return torch.stack((direction, similarity, title, direction + similarity + plan.title_weight * title))


def rate(plan: Plan, progress: Progress) -> float:
    """The learning rate now, from the share of the minutes that are over."""
    over = min(1.0, progress.seconds / (60 * plan.minutes))
    return plan.rate * min(1.0, (progress.steps + 1) / plan.warm_up) * 0.5 * (1 + math.cos(math.pi * over))


def optimiser(student: Student, plan: Plan) -> torch.optim.Optimizer:
    """AdamW; no decay for biases, norms, and the sigmoid loss's two numbers, which learn ten times faster."""
    sigmoid = [student.model.logit_scale, student.model.logit_bias]
    others = [one for one in student.parameters() if all(one is not two for two in sigmoid)]
    groups = [
        {"params": [one for one in others if one.ndim > 1], "weight_decay": plan.decay, "times": 1.0},
        {"params": [one for one in others if one.ndim <= 1], "weight_decay": 0.0, "times": 1.0},
        {"params": sigmoid, "weight_decay": 0.0, "times": 10.0},
    ]
    fused = next(student.parameters()).device.type == "cuda"
    return torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.98), fused=fused)


class FeatureExtractor(Protocol):
    """What judges a view: `teacher.Teacher`."""

    def tensor_features(self, pixels: Tensor, /) -> Tensor:
        """Features (N, any width) of pixels (N, 3, 224, 224) in [0, 1]."""


class Trainer:
    """All that one step needs."""

    def __init__(self, pieces: int, pictures: Pictures, texts: Texts, teacher: FeatureExtractor, plan: Plan) -> None:
        torch.manual_seed(plan.seed)
        self.device = pictures.cutouts.device
        self.pictures, self.texts, self.teacher, self.plan = pictures, texts, teacher, plan
        self.chance = Generator(self.device).manual_seed(plan.seed)
        self.student = Student(pieces).to(self.device)
        self.averaged = copy.deepcopy(self.student).requires_grad_(requires_grad=False)
        self.optimiser = optimiser(self.student, plan)
        self.views = StoredViews.make(plan.stored, self.device)
        self.progress = Progress()

    @torch.no_grad()
    def prepare(self) -> None:
        """Fit the targets to the first views, and store these."""
        parts = []
        for _ in range(self.plan.sample // self.plan.fresh):
            pixels, titled = draw(self.pictures, self.plan.fresh, Augmentation(), self.chance)
            parts.append((shrink(pixels), titled, self.teacher.tensor_features(pixels), histograms(pixels)))
        small, titled, features, colours = (torch.cat(part) for part in zip(*parts, strict=True))
        self.targets = Targets(features, colours, self.plan)
        self.views.add(small, self.targets(features, colours), titled)

    @torch.no_grad()
    def draw(self) -> Tensor:
        """Draw and judge fresh views; their rows."""
        pixels, titled = draw(self.pictures, self.plan.fresh, Augmentation(), self.chance)
        targets = self.targets(self.teacher.tensor_features(pixels), histograms(pixels))
        return self.views.add(shrink(pixels), targets, titled)

    def step(self) -> Tensor:
        """One step; its losses (4,)."""
        fresh = self.draw()
        rows = torch.cat((fresh, self.views.sample(self.plan.batch - len(fresh), self.chance)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.plan, self.progress) * group["times"]
        losses = loss(self.student, self.views, rows, self.texts, self.plan, self.chance)
        self.optimiser.zero_grad()
        losses[3].backward()  # type: ignore[no-untyped-call]  # torch ships no type of it
        nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimiser.step()
        self.progress.steps += 1
        decay = min(self.plan.average, self.progress.steps / (self.progress.steps + 10))
        with torch.no_grad():
            averaged: list[Tensor] = list(self.averaged.parameters())
            latest: list[Tensor] = list(self.student.parameters())
            torch._foreach_lerp_(averaged, latest, 1 - decay)
        return losses.detach()


def train(trainer: Trainer, checkpoint: Path, report_every: int = 100) -> None:
    """Train until the minutes are over; the averaged weights are in the checkpoint, replaced each minute."""
    plan, progress = trainer.plan, trainer.progress
    trainer.prepare()
    started, saved = time.monotonic(), 0.0
    while progress.seconds < 60 * plan.minutes:
        losses = trainer.step()
        progress.seconds = time.monotonic() - started
        if progress.steps % report_every == 0:
            direction, similarity, title, total = losses.tolist()
            say(
                f"step {progress.steps} minute {progress.seconds / 60:.1f}/{plan.minutes:g} direction {direction:.4f} "
                f"similarity {similarity:.4f} title {title:.3f} all {total:.3f}"
            )
        if progress.seconds - saved > 60:
            saved = progress.seconds
            save_checkpoint(trainer, checkpoint)
    save_checkpoint(trainer, checkpoint)


def save_checkpoint(trainer: Trainer, checkpoint: Path) -> None:
    """Write the averaged model's weights, and how far it is."""
    state = {"model": trainer.averaged.model.state_dict(), **vars(trainer.progress)}
    with atomic_write.new_file(checkpoint, durable=False) as new:
        torch.save(state, new)


def say(line: str) -> None:
    """Print one line of progress at once, also into a file."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
