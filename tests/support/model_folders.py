"""Changing model folders, for tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

Tensors = dict[str, torch.Tensor]
SIDE = 32


class Folder:
    """One model folder, and ways to change it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def settings(self, file: str, change: Callable[[dict[str, Any]], object]) -> Path:
        """Change a JSON file."""
        found = json.loads((self.path / file).read_text())
        change(found)
        (self.path / file).write_text(json.dumps(found))
        return self.path

    def weights(self, change: Callable[[Tensors], Tensors]) -> Path:
        """Change the tensors."""
        file = self.path / "model.safetensors"
        save_file({name: tensor.clone() for name, tensor in change(load_file(file)).items()}, file)
        return self.path
