"""The training set on disk: augmented views rendered once, with the teacher's features of the very same views.

That the teacher looks at the same view as the student, and that there are many, is what makes distillation from few
pictures work ("a good teacher is patient and consistent", Beyer et al., 2022, arXiv 2106.05237).
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from workers.process import atomic_write
from workers.training.augmentation import Settings, view
from workers.training.sources import Kind, Loaded, Source, load, training_sources
from workers.training.teacher import WIDTH, Teacher

STUDENT_SIDE = 128  # px
SHARD = 2048  # views a file
SHARES: dict[Kind, float] = {"clipart": 0.6, "stamp": 0.15, "photo": 0.25}  # of the views

_loaded: list[Loaded] = []  # the worker processes' view of the sources, inherited by fork


@dataclass(frozen=True)
class Views:
    """N views: pixels (N, 128, 128, 3), the teacher's features (N, 1280), whose text holds (N,), −1 for none."""

    pixels: NDArray[np.uint8]
    features: NDArray[np.float16]
    source: NDArray[np.int32]


def prepare(folder: Path, shards: int, processes: int, say: Callable[[str], None]) -> tuple[list[Source], Views]:
    """Render what is missing of `shards` files of views in `folder`, and read them all (100 MB of memory each)."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = training_sources()
    missing = [number for number in range(shards) if not _file(folder, number).exists()]
    if missing:
        say(f"decoding {len(sources)} pictures")
        _loaded[:] = load(sources, processes)
        # Forked, so that all processes share the decoded pictures. One thread and whole shards for each: they never
        # wait for one another, which matters where the processor is shared.
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            for done, _ in enumerate(pool.imap_unordered(_write, ((folder, number) for number in missing))):
                say(f"views: {done + 1} of {len(missing)} × {SHARD}")
        _loaded.clear()
    return sources, _read(folder, shards)


def _write(task: tuple[Path, int]) -> None:
    """Render one shard, ask the teacher, and write the file whole."""
    folder, number = task
    torch.set_num_threads(1)
    teacher, chance = Teacher(), np.random.default_rng((7, number))
    origin = {one: place for place, one in enumerate(training_sources())}
    drawn = _draw(chance)
    pixels = np.empty((SHARD, STUDENT_SIDE, STUDENT_SIDE, 3), np.uint8)
    features = np.empty((SHARD, WIDTH), np.float16)
    source = np.full(SHARD, -1, np.int32)
    for start in range(0, SHARD, 16):
        rows = slice(start, start + 16)
        views = [view(_loaded[which], _loaded, Settings(), chance) for which in drawn[rows]]
        features[rows] = teacher.features(np.stack([one.pixels for one in views]), rounded=True)
        for place, one in enumerate(views, start):
            pixels[place] = _shrink(one.pixels)
            said = _loaded[drawn[place]].source
            if one.titled and said.text:
                source[place] = origin[said]
    with atomic_write.new_file(_file(folder, number), durable=False) as new:
        np.savez(new, pixels=pixels, features=features, source=source)


def _draw(chance: np.random.Generator) -> NDArray[np.int64]:
    """Choose SHARD pictures: the kinds in the shares of SHARES, each picture of a kind as likely as the others."""
    kinds = np.array([one.source.kind for one in _loaded])
    weights = np.zeros(len(_loaded))
    for kind, share in SHARES.items():
        if (kinds == kind).any():
            weights[kinds == kind] = share / (kinds == kind).sum()
    return chance.choice(len(_loaded), size=SHARD, p=weights / weights.sum())


def _shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = (STUDENT_SIDE, STUDENT_SIDE)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def _read(folder: Path, shards: int) -> Views:
    """Read the shards into arrays that are laid out once, so that nothing is held twice."""
    count = shards * SHARD
    pixels = np.empty((count, STUDENT_SIDE, STUDENT_SIDE, 3), np.uint8)
    features = np.empty((count, WIDTH), np.float16)
    source = np.empty(count, np.int32)
    for number in range(shards):
        rows = slice(number * SHARD, (number + 1) * SHARD)
        with np.load(_file(folder, number)) as shard:
            pixels[rows], features[rows], source[rows] = shard["pixels"], shard["features"], shard["source"]
    return Views(pixels, features, source)


def _file(folder: Path, number: int) -> Path:
    return folder / f"views-{number:03d}.npz"
