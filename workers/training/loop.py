"""The training loop: one process a core, each with views of its own, gradients averaged after every step.

One thread for each and one meeting a step, rather than one process with a thread for every core: on a processor that
others use as well, threads would wait for one another at each of some thousand operations a step.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, distributed, nn
from torch.nn.functional import normalize
from transformers import SiglipModel

from workers.process import atomic_write
from workers.training.losses import direction_loss, sigmoid_loss, similarity_loss
from workers.training.small_siglip import WIDTH, build
from workers.training.training_set import COLOURS, FEATURES, Plan, TrainingSet


@dataclass
class Progress:
    """What a checkpoint has to know beside the weights: steps done, and seconds of training spent."""

    steps: int = 0
    seconds: float = 0.0


class Student(nn.Module):
    """The model, and a linear layer to the target's 192 dimensions that only training uses."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.model: SiglipModel = build(pieces)
        self.to_teacher = nn.Linear(WIDTH, FEATURES + COLOURS)


def loss(student: Student, taught: TrainingSet, rows: Tensor, plan: Plan, chance: Generator) -> dict[str, Tensor]:
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


def train(pieces: int, taught: TrainingSet, plan: Plan, checkpoint: Path, processes: int) -> None:
    """Train until the minutes are over, from the checkpoint if there is one; what is learnt is in the checkpoint.

    The processes are forked, so that they share the training set; torch must have run on one thread until now.
    """
    meeting = checkpoint.with_name(f"meeting-{os.getpid()}").absolute()
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # they meet on this machine only
    fork = multiprocessing.get_context("fork")
    started = [
        fork.Process(target=_train, args=(place, processes, meeting, pieces, taught, plan, checkpoint))
        for place in range(processes)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    meeting.unlink(missing_ok=True)
    if any(process.exitcode for process in started):  # one that fails takes the others along at the next meeting
        raise RuntimeError("training ended early; started again with the same folder, it goes on from its checkpoint")


def _train(
    place: int, processes: int, meeting: Path, pieces: int, taught: TrainingSet, plan: Plan, checkpoint: Path
) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=place, world_size=processes)
    torch.manual_seed(plan.seed)
    student = Student(pieces)
    steps = optimiser(student, plan)
    progress = resume(student, steps, checkpoint)
    chance, saved = np.random.default_rng((plan.seed, progress.steps, place)), progress.seconds
    last = time.monotonic()
    for rows in batches(len(taught.pixels), plan.batch // processes, chance):
        if progress.seconds >= 60 * plan.minutes:
            break
        for group in steps.param_groups:
            group["lr"] = rate(plan, progress) * group["times"]
        found = loss(student, taught, rows, plan, chance)
        steps.zero_grad()
        torch.autograd.backward(found["all"])
        now = time.monotonic()
        progress.seconds += average(student, now - last, processes)
        last = now
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        steps.step()
        progress.steps += 1
        if place == 0 and progress.steps % 20 == 0:
            report = " ".join(f"{key} {value.item():.4f}" for key, value in found.items())
            say(f"step {progress.steps} minute {progress.seconds / 60:.1f}/{plan.minutes:g} {report}")
        if place == 0 and progress.seconds - saved > 60 * plan.save_every:
            saved = progress.seconds
            keep(student, steps, progress, checkpoint)
    if place == 0:
        keep(student, steps, progress, checkpoint)
    distributed.destroy_process_group()


def average(student: Student, seconds: float, processes: int) -> float:
    """Replace the gradients by their mean over all processes; also the mean of the seconds, the same for all."""
    gradients = [one.grad for one in student.parameters() if one.grad is not None]
    flat = torch.cat([*(one.flatten() for one in gradients), torch.tensor([seconds])])
    distributed.all_reduce(flat)
    flat /= processes
    for gradient, mean in zip(gradients, torch.split(flat[:-1], [one.numel() for one in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))
    return float(flat[-1])


def resume(student: Student, steps: torch.optim.Optimizer, checkpoint: Path) -> Progress:
    """Take up the checkpoint where there is one."""
    if not checkpoint.exists():
        return Progress()
    state = torch.load(checkpoint, weights_only=True)
    student.load_state_dict(state["student"])
    steps.load_state_dict(state["optimiser"])
    return Progress(state["steps"], state["seconds"])


def keep(student: Student, steps: torch.optim.Optimizer, progress: Progress, checkpoint: Path) -> None:
    """Replace the checkpoint."""
    state = {"student": student.state_dict(), "optimiser": steps.state_dict()}
    with atomic_write.new_file(checkpoint, durable=False) as new:
        torch.save({**state, "steps": progress.steps, "seconds": progress.seconds}, new)


def say(line: str) -> None:
    """Print one line of progress at once, also into a file."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
