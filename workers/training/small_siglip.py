"""The small SigLIP itself: its shape, its fresh weights, and its folder as `transformers` loads it."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel, SiglipTokenizer

from workers.models.texts import SETTING
from workers.training.cache import STUDENT_SIDE
from workers.training.tokenizer import TEXT_LENGTH

WIDTH = 192
LAYERS, TEXT_LAYERS = 6, 4


def build(pieces: int) -> SiglipModel:
    """A fresh model for a vocabulary of `pieces`; inverse temperature 10 and bias −10 as in SigLIP's paper."""
    tower = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_attention_heads": 3}
    text = {
        **tower,
        "num_hidden_layers": TEXT_LAYERS,
        "vocab_size": pieces,
        "max_position_embeddings": TEXT_LENGTH,
        "projection_size": WIDTH,
        "pad_token_id": 1,
        "eos_token_id": 1,
        "bos_token_id": None,
    }
    vision = {**tower, "num_hidden_layers": LAYERS, "image_size": STUDENT_SIDE, "patch_size": 16}
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    with torch.no_grad():
        model.logit_scale.fill_(math.log(10))
        model.logit_bias.fill_(-10)
    return model


def save(model: SiglipModel, tokenizer: SiglipTokenizer, card: dict[str, Any], folder: Path) -> None:
    """Write weights (float16), settings, tokenizer, image processor and `card.json`.

    All is written beside `folder` and moved into its place at the end. What else is there (README.md) is kept, but
    for `recipe.json`: it names the old weights.
    """
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    if folder.is_dir():
        shutil.copytree(folder, fresh, ignore=shutil.ignore_patterns("recipe.json"))
    # The settings go on saying float32: that is what the float16 weights are loaded as.
    weights = {name: value.to(torch.float16) for name, value in model.state_dict().items()}
    model.save_pretrained(fresh, state_dict=weights)
    tokenizer.save_pretrained(fresh)
    settings = fresh / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), SETTING: "titles"}, indent=2) + "\n")
    size = {"height": STUDENT_SIDE, "width": STUDENT_SIDE}
    SiglipImageProcessorPil(size=size, resample=3).save_pretrained(fresh)
    (fresh / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    old = folder.with_name(f".{folder.name}.old")
    if folder.is_dir():
        folder.rename(old)
    for file in fresh.iterdir():
        file.chmod(0o644)  # the weights are written readable by their owner only
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
