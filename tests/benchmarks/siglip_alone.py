"""The encoder by itself: `python -m tests.benchmarks.siglip_alone FOLDER usual|quick REPORT`.

Writes a SigLIP B/16-256 of random weights into FOLDER first; nothing is downloaded.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from transformers import SiglipConfig, SiglipModel

from workers.models.encoder import SiglipEncoder
from workers.models.folder import read_recipe

_IMAGES = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3_072}
# One layer and few words: no text is encoded here, and half a gigabyte of its weights would only be written and read.
_TEXTS = {**_IMAGES, "num_hidden_layers": 1, "vocab_size": 1_000}
_PROCESSOR = {
    "size": {"height": 256, "width": 256},
    "resample": 2,
    "rescale_factor": 1 / 255,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def write_model(folder: Path) -> None:
    """A model folder as `transformers` writes it, the weights of a fixed seed."""
    torch.manual_seed(7)
    config = SiglipConfig(vision_config={**_IMAGES, "image_size": 256, "patch_size": 16}, text_config=_TEXTS)
    SiglipModel(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(_PROCESSOR))


def rates(encoder: SiglipEncoder, sizes: tuple[int, ...], repeats: int) -> dict[str, list[float]]:
    """Pictures a second by float type and batch size; turn by turn, so that a busy moment meets all alike."""
    found: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
            encoder.float_type = kind
            encoder._model.to(kind)
            encoder.encode(_pictures(2))
            for size in sizes:
                found.setdefault(f"{name}, batch {size}", []).append(size / _seconds(encoder, size))
    return found


def _seconds(encoder: SiglipEncoder, size: int) -> float:
    pictures = _pictures(size)
    started = time.perf_counter()
    encoder.encode(pictures)
    return time.perf_counter() - started


def _pictures(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(7).integers(0, 256, (count, 256, 256, 3), dtype=np.uint8)


def main(folder: Path, report: Path, *, quick: bool) -> None:
    """Write the model, measure, report."""
    write_model(folder)
    encoder = SiglipEncoder(folder, read_recipe(folder))
    chosen = "bf16" if encoder.float_type is torch.bfloat16 else "fp32"
    found = rates(encoder, (16,) if quick else (16, 32), 1 if quick else 2)
    report.write_text(json.dumps({"rates": found, "chosen": [name for name in found if name.startswith(chosen)]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[3]), quick=sys.argv[2] == "quick")
