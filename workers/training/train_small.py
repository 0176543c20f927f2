"""Train the bundled small SigLIP: titles by the pairwise sigmoid loss, pictures by distillation from the teachers."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import torch

from workers.training.loop import Trainer, say, train
from workers.training.openclipart import HELD_OUT_SHARE, PicturesMissing
from workers.training.pictures import pack, read
from workers.training.small_siglip import build, save
from workers.training.sources import Kind, training_sources, unpack_resources
from workers.training.teacher import Teacher
from workers.training.tokenizer import learn
from workers.training.training_set import Plan, make_texts, sayings

SHARES: dict[Kind, float] = {"clipart": 0.65, "stamp": 0.2, "emoji": 0.15}  # of the views that show a cut-out


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m workers.training.train_small",
        description=__doc__,
        epilog="example: python -m workers.training.train_small --pack pictures.parquet, then, there or on a machine "
        "with a GPU, python -m workers.training.train_small --pictures pictures.parquet --out small --minutes 8. "
        "Packing needs Debian's openclipart-png; tuxpaint-stamps-default, gcompris-qt-data, "
        "plasma-workspace-wallpapers, gnome-backgrounds, mate-backgrounds and lomiri-wallpapers-{16,20}.04 are used "
        "if they are installed.",
    )
    parser.add_argument("--pack", type=Path, help="write the pictures to learn from into this file, and end")
    parser.add_argument("--emoji", type=Path, help="a folder of emoji to pack, named by code point: 1f34e.webp")
    parser.add_argument("--pictures", type=Path, nargs="+", help="the packed pictures to learn from")
    parser.add_argument("--out", type=Path, help="the model folder to write")
    parser.add_argument("--minutes", type=float, default=Plan.minutes, help="of training (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=Plan.batch, help="views a step (default: %(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parsed = parser.parse_args()
    if not parsed.pack and not (parsed.pictures and parsed.out):
        parser.error("give --pack FILE, or --pictures FILE and --out FOLDER")
    return parsed


def main() -> None:
    """Pack the pictures, or train and write the model folder."""
    chosen = options()
    try:
        if chosen.pack:
            pack_pictures(chosen.pack, chosen.emoji)
        else:
            train_model(chosen)
    except PicturesMissing as missing:
        raise SystemExit(str(missing)) from None


def pack_pictures(file: Path, emoji: Path | None) -> None:
    """Write all pictures to learn from into one file."""
    with tempfile.TemporaryDirectory() as photos:
        unpack_resources(Path(photos))
        count = pack(training_sources(emoji, Path(photos)), file, os.cpu_count() or 1)
    say(f"{count} pictures, {file.stat().st_size / 1e6:.1f} MB: {file}")


def train_model(chosen: argparse.Namespace) -> None:
    """Train, and write the model folder."""
    device = torch.device(chosen.device)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    plan = Plan(
        minutes=chosen.minutes,
        batch=chosen.batch,
        fresh=chosen.batch // 8,
        sample=min(Plan.sample, 16 * chosen.batch),
        stored=min(Plan.stored, 300 * chosen.batch),
    )
    pictures = read(chosen.pictures, SHARES, device, os.cpu_count() or 1)
    say(f"{len(pictures.cutouts)} cut-outs, {len(pictures.photos)} photos on {device}")
    said = [
        saying
        for title, folder in zip(pictures.texts, pictures.folders, strict=True)
        if title
        for saying in sayings(title, folder)[::2]
    ]
    tokenizer = learn(said)
    texts = make_texts(pictures.texts, pictures.folders, tokenizer, device)
    trainer = Trainer(tokenizer.vocab_size, pictures, texts, Teacher(device=device), plan)
    checkpoint = chosen.out.with_suffix(".pt")
    train(trainer, checkpoint)
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    model = build(tokenizer.vocab_size)
    model.load_state_dict(state["model"])
    card = {
        "name": "lookalike-small",
        "trained_on": "openclipart, Tux Paint stamps, emoji (with texts); wallpapers, GCompris (photos, no text)",
        "held_out": f"{HELD_OUT_SHARE:.0%} of openclipart by hash of the path; stamps of seven folders",
        "teacher": "EfficientNet-lite0, -lite1 and -lite2, ImageNet; colour histograms",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "pictures": len(pictures.cutouts) + len(pictures.photos),
        "views": trainer.views.written,
        "steps": state["steps"],
        "batch": plan.batch,
        "minutes": round(state["seconds"] / 60, 1),
        "parameters": sum(one.numel() for one in model.parameters()),
    }
    save(model, tokenizer, card, chosen.out)
    say(f"written: {chosen.out}")


if __name__ == "__main__":
    main()
