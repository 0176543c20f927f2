"""Train the bundled small SigLIP: titles by the pairwise sigmoid loss, pictures by distillation from the teacher."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import SiglipModel, SiglipTokenizer

from workers.train.cache import SHARD, Views, prepare
from workers.train.losses import direction_loss, sigmoid_loss, similarity_loss
from workers.train.openclipart import HELD_OUT_SHARE, PicturesMissing
from workers.train.sources import Source
from workers.train.student import WIDTH, build, save
from workers.train.teacher import fit_reducer, unit
from workers.train.tokenizer import encode, learn


@dataclass(frozen=True)
class Plan:
    """How to train. The learning rate rises for `warm_up` steps, then falls to 0 by a half cosine over `minutes`."""

    minutes: float = 45
    batch: int = 128
    rate: float = 1e-3
    decay: float = 0.05
    warm_up: int = 100
    title_weight: float = 0.3  # of the sigmoid loss, beside 1 for each of the two distillation losses
    whitening: float = 0.5  # of the teacher's PCA-128: nDCG@5 of the teacher itself rises by 1.8 % with it
    temperature: float = 0.1
    seed: int = 0
    save_every: float = 5  # minutes


@dataclass
class Progress:
    """What a checkpoint has to know beside the weights: steps done, and seconds of training spent."""

    steps: int = 0
    seconds: float = 0.0


class Student(nn.Module):
    """The model, and a linear layer to the teacher's 128 dimensions that only training uses."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.model: SiglipModel = build(pieces)
        self.to_teacher = nn.Linear(WIDTH, 128)


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


def loss(student: Student, taught: Lessons, rows: Tensor, plan: Plan, chance: Generator) -> dict[str, Tensor]:
    """The losses of one batch of views, each a scalar: direction, similarity, title, and their weighted sum."""
    pixels = taught.pixels[rows].permute(0, 3, 1, 2).float() / 127.5 - 1
    if chance.random() < 0.5:
        pixels = pixels.flip(3)
    titled = (taught.source[rows] >= 0).nonzero().flatten()
    which = taught.source[rows[titled]]
    form = torch.from_numpy(chance.choice(3, size=len(titled), p=(0.6, 0.3, 0.1)))
    with torch.autocast("cpu", torch.bfloat16):
        images = student.model.get_image_features(pixels).pooler_output
        texts = student.model.get_text_features(input_ids=taught.sayings[which, form]).pooler_output
    images, texts, targets = images.float(), normalize(texts.float()), taught.targets[rows]
    directions = normalize(images)
    same = taught.same[which, form]
    found = {
        "direction": direction_loss(student.to_teacher(images), targets),
        "similarity": similarity_loss(directions, targets, plan.temperature),
        "title": sigmoid_loss(
            directions[titled],
            texts,
            student.model.logit_scale,
            student.model.logit_bias,
            same[:, None] == same[None, :],
        ),
    }
    found["all"] = found["direction"] + found["similarity"] + plan.title_weight * found["title"]
    return found


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
    return torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.98))


def batches(count: int, size: int, chance: Generator) -> Iterator[Tensor]:
    """Yield row numbers without end: each view once before any comes again."""
    while True:
        order = chance.permutation(count)
        for start in range(0, count - size + 1, size):
            yield torch.from_numpy(order[start : start + size])


def train(student: Student, taught: Lessons, plan: Plan, checkpoint: Path) -> Progress:
    """Train until the minutes are over, from the checkpoint if there is one; a checkpoint is kept as it goes."""
    chance, progress, steps = np.random.default_rng(plan.seed), Progress(), optimiser(student, plan)
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        student.load_state_dict(state["student"])
        steps.load_state_dict(state["optimiser"])
        progress = Progress(state["steps"], state["seconds"])
        chance = np.random.default_rng((plan.seed, progress.steps))
        say(f"going on from step {progress.steps}, minute {progress.seconds / 60:.1f}")
    saved = progress.seconds
    for rows in batches(len(taught.pixels), plan.batch, chance):
        if progress.seconds >= 60 * plan.minutes:
            break
        began = time.monotonic()
        for group in steps.param_groups:
            group["lr"] = rate(plan, progress) * group["times"]
        found = loss(student, taught, rows, plan, chance)
        steps.zero_grad()
        torch.autograd.backward(found["all"])
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        steps.step()
        progress.steps += 1
        progress.seconds += time.monotonic() - began
        if progress.steps % 20 == 0:
            report = " ".join(f"{key} {value.item():.4f}" for key, value in found.items())
            say(f"step {progress.steps} minute {progress.seconds / 60:.1f}/{plan.minutes:g} {report}")
        if progress.seconds - saved > 60 * plan.save_every:
            saved = progress.seconds
            keep(student, steps, progress, checkpoint)
    keep(student, steps, progress, checkpoint)
    return progress


def keep(student: Student, steps: torch.optim.Optimizer, progress: Progress, checkpoint: Path) -> None:
    """Write a checkpoint beside the old one, then put it in its place."""
    half_done = checkpoint.with_suffix(".part")
    state = {"student": student.state_dict(), "optimiser": steps.state_dict()}
    torch.save({**state, "steps": progress.steps, "seconds": progress.seconds}, half_done)
    half_done.rename(checkpoint)


def say(line: str) -> None:
    """Print one line of progress at once, also into a file."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m workers.train.small",
        description=__doc__,
        epilog="example: python -m workers.train.small --out workers/models/small --minutes 45. "
        "Needs Debian's openclipart-png; tuxpaint-stamps-default, plasma-workspace-wallpapers, gnome-backgrounds, "
        "mate-backgrounds and lomiri-wallpapers-{16,20}.04 are used where they are installed. "
        "Stopped, it goes on where it was when started again with the same --work.",
    )
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--minutes", type=float, default=Plan.minutes, help="of training, after the views are there")
    parser.add_argument("--views", type=int, default=32 * SHARD, help="views to learn from (default: %(default)s)")
    parser.add_argument("--work", type=Path, default=Path("small-training"), help="for views and checkpoint (6.7 GB)")
    return parser.parse_args()


def main() -> None:
    """Render the views, train, and write the model folder."""
    asked = options()
    plan = Plan(minutes=asked.minutes)
    try:
        sources, views = prepare(asked.work, math.ceil(asked.views / SHARD), os.cpu_count() or 1, say)
    except PicturesMissing as missing:
        raise SystemExit(str(missing)) from None
    torch.manual_seed(plan.seed)
    tokenizer = learn([saying for one in sources if one.text for saying in sayings(one)[::2]])
    student = Student(tokenizer.vocab_size)
    progress = train(student, lessons(sources, views, tokenizer, plan), plan, asked.work / "checkpoint.pt")
    card = {
        "name": "lookalike-small",
        "trained_on": "Debian's openclipart-png (titles), tuxpaint-stamps-default (texts), wallpapers (no text)",
        "held_out": f"{HELD_OUT_SHARE:.0%} of openclipart by hash of the path; stamps of seven folders",
        "teacher": "EfficientNet-lite0, ImageNet",
        "views": len(views.pixels),
        "steps": progress.steps,
        "batch": plan.batch,
        "minutes": round(progress.seconds / 60, 1),
        "parameters": sum(one.numel() for one in student.model.parameters()),
    }
    save(student.model, tokenizer, card, asked.out)
    say(f"written: {asked.out}")


if __name__ == "__main__":
    main()
