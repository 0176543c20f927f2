"""Train the bundled small SigLIP: titles by the pairwise sigmoid loss, pictures by distillation from the teacher."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

import torch

from workers.training.cache import SHARD, prepare
from workers.training.loop import Student, optimiser, resume, say, train
from workers.training.openclipart import HELD_OUT_SHARE, PicturesMissing
from workers.training.small_siglip import save
from workers.training.tokenizer import learn
from workers.training.training_set import Plan, make_training_set, sayings


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m workers.training.train_small",
        description=__doc__,
        epilog="example: python -m workers.training.train_small --out workers/models/small --minutes 45. "
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
    torch.set_num_threads(1)  # until the processes are forked: threads don't survive it
    tokenizer = learn([saying for one in sources if one.text for saying in sayings(one)[::2]])
    checkpoint = asked.work / "checkpoint.pt"
    train(
        tokenizer.vocab_size, make_training_set(sources, views, tokenizer, plan), plan, checkpoint, os.cpu_count() or 1
    )
    student = Student(tokenizer.vocab_size)
    progress = resume(student, optimiser(student, plan), checkpoint)
    card = {
        "name": "lookalike-small",
        "trained_on": "Debian's openclipart-png (titles), tuxpaint-stamps-default (texts), wallpapers (no text)",
        "held_out": f"{HELD_OUT_SHARE:.0%} of openclipart by hash of the path; stamps of seven folders",
        "teacher": "EfficientNet-lite0, ImageNet; colour histograms",
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
