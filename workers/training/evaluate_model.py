"""Say how good a model folder is on pictures its training never saw, beside its teacher, colours and chance."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import SiglipModel, SiglipTokenizer

from workers.models.texts import prepare
from workers.process import atomic_write
from workers.training.colours import SIDE as COLOUR_SIDE
from workers.training.colours import histograms
from workers.training.openclipart import Picture, PicturesMissing, on_white, pictures, read_picture
from workers.training.ranking import Figures, Vectors, agreement, chance_recall, ndcg, overlap, ratio_interval, recall
from workers.training.small_siglip import SIDE as STUDENT_SIDE
from workers.training.sources import stamps
from workers.training.teacher import SIDE, SIDES, Teacher, fit_reducer
from workers.training.tokenizer import encode

BASELINE = "lite0"  # with PCA-128 the counterpart of the paper's baseline, a mobile CNN that was not fine-tuned
STARS = "shapes/stars"  # one folder in 56 holds a fifth of the pictures, all alike and found by any model


@dataclass(frozen=True)
class Row:
    """One kind of vectors on one set of pictures: mean nDCG@5, its share of the teacher's with a 95 % interval."""

    pictures: str
    queries: int
    vectors: str
    ndcg5: float
    of_teacher: float
    low: float
    high: float
    overlap5: float  # share of the five nearest that it has in common with the teacher
    agreement: float  # rank correlation of all pairwise cosines with the teacher's


@dataclass(frozen=True)
class Retrieval:
    """How often a text finds a picture of its own among the ten nearest, and how often chance would."""

    titles: str
    queries: int
    recall10: float
    chance: float


@dataclass(frozen=True)
class Model:
    """A SigLIP folder, loaded as float32."""

    model: SiglipModel
    tokenizer: SiglipTokenizer

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Load a folder; nothing is downloaded."""
        model = SiglipModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        model.train(mode=False)
        return cls(model, SiglipTokenizer.from_pretrained(folder, local_files_only=True))

    @torch.inference_mode()
    def picture_vectors(self, images: Sequence[Image.Image], batch: int = 64) -> Vectors:
        """Vectors (N, D) of RGB pictures, squashed to a square as the bundled image processor does."""
        pixels = torch.from_numpy(squash(images, STUDENT_SIDE)).permute(0, 3, 1, 2)
        parts = (part.float() / 127.5 - 1 for part in torch.split(pixels, batch))
        found = [self.model.get_image_features(part).pooler_output for part in parts]
        return torch.cat(found).numpy()

    @torch.inference_mode()
    def text_vectors(self, texts: Sequence[str]) -> Vectors:
        """Vectors (N, D) of texts, prepared as those of queries are."""
        ids = torch.tensor(encode(self.tokenizer, [prepare(text, "titles") for text in texts]))
        found = [self.model.get_text_features(input_ids=part).pooler_output for part in torch.split(ids, 256)]
        return torch.cat(found).numpy()


def squash(images: Sequence[Image.Image], side: int) -> NDArray[np.uint8]:
    """Resize pictures straight to squares: (N, side, side, 3)."""
    return np.stack([np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)) for image in images])


def readable(files: Sequence[Path]) -> dict[Path, Image.Image]:
    """Decode what can be decoded, on white, shrunk to at most 512 px: enough for all that looks at it here."""
    found = {}
    for file in files:
        image = read_picture(file)
        if image is not None:
            image.thumbnail((512, 512), Image.Resampling.BICUBIC)
            found[file] = on_white(image)
    return found


def rows(where: str, groups: NDArray[np.str_], kinds: dict[str, Vectors], keep: NDArray[np.bool_]) -> list[Row]:
    """Judge each kind of vectors on the queries to keep; the others are held to the best single teacher on them."""
    asked = np.array([(groups == one).sum() > 1 for one in groups])
    scores: dict[str, Figures] = {kind: ndcg(vectors, groups)[keep[asked]] for kind, vectors in kinds.items()}
    best = max((kind for kind in kinds if kind.startswith("teacher ")), key=lambda kind: float(scores[kind].mean()))
    teacher = scores[best]
    return [
        Row(
            where,
            len(score),
            kind,
            float(score.mean()),
            float(score.mean() / teacher.mean()),
            *ratio_interval(score, teacher),
            overlap(kinds[kind], kinds[best]),
            agreement(kinds[kind], kinds[best]),
        )
        for kind, score in scores.items()
    ]


def retrieval(model: Model, images: Vectors, shown: Sequence[Picture], seen: frozenset[str]) -> list[Retrieval]:
    """Ask with each distinct held-out title; with all of them, and with those that no training picture has."""
    titles = sorted({one.title for one in shown})
    texts = model.text_vectors(titles)
    own = np.array([[one.title == title for one in shown] for title in titles])
    found, chance = recall(texts, images, own), chance_recall(own)
    new = np.array([title not in seen for title in titles])
    return [
        Retrieval(name, int(which.sum()), float(found[which].mean()), float(chance[which].mean()))
        for name, which in (("all", np.ones_like(new)), ("never seen in training", new))
    ]


def evaluate_model(folder: Path) -> tuple[list[Row], list[Retrieval]]:
    """Judge a model folder on held-out openclipart and, where they are installed, on stamps kept from training."""
    model, everything = Model.load(folder), pictures()
    teachers = {name: Teacher([name]) for name in SIDES}
    learnt = [one for one in everything if not one.held_out]
    sample = readable([one.file for one in learnt if one.category != STARS][::4])
    reducer = fit_reducer(teachers[BASELINE].features(squash(list(sample.values()), SIDE)))

    def kinds(images: list[Image.Image]) -> dict[str, Vectors]:
        pixels = squash(images, SIDE)
        features = {f"teacher {name}": teacher.features(pixels) for name, teacher in teachers.items()}
        return {
            "bundled": model.picture_vectors(images),
            **features,
            "teachers together": np.concatenate(list(features.values()), axis=1),
            f"{BASELINE}, PCA-128": reducer(features[f"teacher {BASELINE}"]),
            "colour histogram": histograms(squash(images, COLOUR_SIDE)),
            "random": np.random.default_rng(0).standard_normal((len(images), 128)).astype(np.float32),
        }

    held_out = readable([one.file for one in everything if one.held_out])
    shown = [one for one in everything if one.file in held_out]
    folders = np.array([one.category for one in shown])
    vectors = kinds(list(held_out.values()))
    all_of_them = np.ones(len(shown), np.bool_)
    found = rows("openclipart, held out", folders, vectors, all_of_them)
    found += rows("the same without stars", folders, vectors, folders != STARS)
    unseen = {one.file: one for one in stamps(unseen=True)}
    if images := readable(list(unseen)):
        groups = np.array([unseen[file].folder for file in images])
        found += rows("stamps of other kinds", groups, kinds(list(images.values())), np.ones(len(groups), np.bool_))
    seen = frozenset(one.title for one in learnt)
    return found, retrieval(model, vectors["bundled"], shown, seen)


def table(found: Sequence[Row], retrieved: Sequence[Retrieval]) -> str:
    """The figures for people."""
    lines = [
        f"{'pictures':24} {'queries':>7} {'vectors':17} {'nDCG@5':>6}  of the teacher (95 %)  overlap@5  agreement"
    ]
    for row in found:
        share = f"{row.of_teacher:.3f} ({row.low:.3f}–{row.high:.3f})"
        lines.append(
            f"{row.pictures:24} {row.queries:7} {row.vectors:17} {row.ndcg5:6.3f}  {share:21} "
            f"{row.overlap5:10.3f} {row.agreement:10.3f}"
        )
    lines.append(f"\n{'text to picture, held-out titles':34} {'queries':>7} {'recall@10':>9} {'chance':>7}")
    lines += [f"{one.titles:34} {one.queries:7} {one.recall10:9.3f} {one.chance:7.3f}" for one in retrieved]
    return "\n".join(lines)


def rounded(document: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The same with four decimals, which is more than the intervals allow for."""
    return {
        part: [
            {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()} for row in rows
        ]
        for part, rows in document.items()
    }


def main() -> None:
    """Print the figures of a model folder."""
    parser = argparse.ArgumentParser(
        prog="python -m workers.training.evaluate_model",
        description=__doc__,
        epilog="example: python -m workers.training.evaluate_model --model workers/models/small",
    )
    parser.add_argument("--model", type=Path, default=Path("workers/models/small"), help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    parser.add_argument("--card", action="store_true", help="write the figures into the folder's card.json as well")
    asked = parser.parse_args()
    try:
        found, retrieved = evaluate_model(asked.model)
    except PicturesMissing as missing:
        raise SystemExit(str(missing)) from None
    document = {"rows": [asdict(row) for row in found], "text": [asdict(one) for one in retrieved]}
    if asked.card:
        card = asked.model / "card.json"
        described = {**json.loads(card.read_text()), "figures": rounded(document)}
        atomic_write.write_text(card, json.dumps(described, indent=2) + "\n", durable=False)
    sys.stdout.write((json.dumps(document) if asked.json else table(found, retrieved)) + "\n")


if __name__ == "__main__":
    main()
