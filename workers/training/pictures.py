"""The pictures to learn from, packed into one file, and as tensors on the device that trains."""

from __future__ import annotations

import io
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from workers.process import atomic_write
from workers.training.openclipart import on_white, read_picture
from workers.training.sources import Kind, Source

LONGEST: dict[Kind, int] = {"clipart": 224, "stamp": 224, "emoji": 160, "photo": 512}  # px in the packed file
SIDE = 224  # px of a cut-out as a texture
PHOTO_SIDE = 384  # px of a photo as a texture; a view shows a part of it
QUALITY = 80  # of WebP


@dataclass(frozen=True)
class Pictures:
    """All pictures on one device: cut-outs (N, 4, 224, 224) and photos (P, 3, 384, 384) as bytes, squashed to squares.

    `aspects` (N,) is width / height of each cut-out. `texts` and `folders` belong to the cut-outs, "" for none.
    `weights` (N,) is how often each cut-out is drawn.
    """

    cutouts: Tensor
    aspects: Tensor
    weights: Tensor
    photos: Tensor
    texts: list[str]
    folders: list[str]


def pack(sources: list[Source], file: Path, processes: int) -> int:
    """Write all sources that decode, shrunk, as one Parquet file; returns how many. Those below 16 px are left out."""
    with ProcessPoolExecutor(processes) as pool:
        encoded = list(pool.map(_encode, sources, chunksize=16))
    rows = [
        {"picture": picture, "kind": source.kind, "text": source.text, "folder": source.folder, "aspect": aspect}
        for source, found in zip(sources, encoded, strict=True)
        if found is not None
        for picture, aspect in [found]
    ]
    with atomic_write.new_file(file, durable=False) as new:
        pq.write_table(pa.Table.from_pylist(rows), new, compression="none")
    return len(rows)


def read(files: list[Path], shares: dict[Kind, float], device: torch.device, processes: int) -> Pictures:
    """Read packed files to the device; `shares` says how often a cut-out of each kind is drawn, all of a kind alike."""
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    with ProcessPoolExecutor(processes) as pool:
        decoded = list(pool.map(_decode, [(row["picture"], row["kind"]) for row in rows], chunksize=64))
    cutouts = [number for number, row in enumerate(rows) if row["kind"] != "photo"]
    photos = [number for number, row in enumerate(rows) if row["kind"] == "photo"]
    kinds = [cast("Kind", rows[number]["kind"]) for number in cutouts]
    weights = [shares[kind] / kinds.count(kind) for kind in kinds]
    return Pictures(
        cutouts=torch.from_numpy(np.stack([decoded[number] for number in cutouts])).to(device),
        aspects=torch.tensor([rows[number]["aspect"] for number in cutouts], dtype=torch.float32, device=device),
        weights=torch.tensor(weights, dtype=torch.float32, device=device),
        photos=torch.from_numpy(np.stack([decoded[number] for number in photos])).to(device),
        texts=[rows[number]["text"] for number in cutouts],
        folders=[rows[number]["folder"] for number in cutouts],
    )


def _encode(source: Source) -> tuple[bytes, float] | None:
    image = read_picture(source.file)
    if image is None or min(image.size) < 16 or image.getchannel("A").getbbox() is None:
        return None
    aspect = image.width / image.height
    image.thumbnail((LONGEST[source.kind],) * 2, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    (on_white(image) if source.kind == "photo" else image).save(buffer, "WEBP", quality=QUALITY, method=4)
    return buffer.getvalue(), aspect


def _decode(task: tuple[bytes, Kind]) -> NDArray[np.uint8]:
    """Bands first: (4, 224, 224), or (3, 384, 384) for a photo."""
    picture, kind = task
    mode, side = ("RGB", PHOTO_SIDE) if kind == "photo" else ("RGBA", SIDE)
    with Image.open(io.BytesIO(picture)) as image:
        squashed = image.convert(mode).resize((side, side), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(squashed).transpose(2, 0, 1))
