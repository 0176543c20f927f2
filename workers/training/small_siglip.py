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
from workers.process import atomic_write
from workers.training.tokenizer import TEXT_LENGTH

SIDE = 128  # px
WIDTH = 192
LAYERS, TEXT_LAYERS = 12, 4


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
    vision = {**tower, "num_hidden_layers": LAYERS, "image_size": SIDE, "patch_size": 16}
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    with torch.no_grad():
        model.logit_scale.fill_(math.log(10))
        model.logit_bias.fill_(-10)
    return model


def save(model: SiglipModel, tokenizer: SiglipTokenizer, card: dict[str, Any], folder: Path) -> None:
    """Write weights (float16), settings, tokenizer, image processor and `card.json`.

    All is written beside `folder`, which it replaces at the end. Other files there (README.md) are copied, except
    `recipe.json`: it names the old weights.
    """
    with atomic_write.new_folder(folder, durable=False) as new:
        if folder.is_dir():
            shutil.copytree(folder, new, ignore=shutil.ignore_patterns("recipe.json"), dirs_exist_ok=True)
        # The settings keep float32: the float16 weights are loaded as that.
        weights = {name: value.to(torch.float16) for name, value in model.state_dict().items()}
        model.save_pretrained(new, state_dict=weights)
        tokenizer.save_pretrained(new)
        settings = new / "tokenizer_config.json"
        settings.write_text(json.dumps({**json.loads(settings.read_text()), SETTING: "titles"}, indent=2) + "\n")
        size = {"height": SIDE, "width": SIDE}
        SiglipImageProcessorPil(size=size, resample=3).save_pretrained(new)
        (new / "card.json").write_text(json.dumps(card, indent=2) + "\n")
        for file in new.iterdir():
            file.chmod(0o644)  # the weights are written readable by their owner only
