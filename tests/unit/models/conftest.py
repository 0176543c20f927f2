"""Tiny SigLIP folders of random weights, with the bundled model's tokenizer, for each test to spoil a copy of."""

import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, SiglipConfig, SiglipImageProcessorPil, SiglipModel, SiglipProcessor

from model_folders import SIDE, Folder
from workers.models.encoder import SiglipEncoder
from workers.models.folder import BUNDLED
from workers.models.texts import SETTING


@pytest.fixture(autouse=True)
def _fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """No trial of float types: vectors can be compared to the last digit, and 0.1 s less for each model."""
    monkeypatch.setattr(SiglipEncoder, "_faster_on_cpu", lambda _self, model: model)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as transformers 4 saves it: the image processor in a file of its own."""
    path = tmp_path_factory.mktemp("models") / "plain"
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(BUNDLED)
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**tower, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": 32}
    SiglipModel(
        SiglipConfig(text_config=text, vision_config={**tower, "image_size": SIDE, "patch_size": 8})
    ).save_pretrained(path)
    tokenizer.save_pretrained(path)
    SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(path)
    Folder(path).settings("tokenizer_config.json", lambda c: c.pop(SETTING))  # that is the bundled model's own
    return path


@pytest.fixture
def folder(plain: Path, tmp_path: Path) -> Folder:
    """A copy to change."""
    return Folder(Path(shutil.copytree(plain, tmp_path / "model")))


@pytest.fixture
def saved_by_five(plain: Path, tmp_path: Path) -> Path:
    """The same model as transformers 5 saves it: one file for image processor and tokenizer."""
    path = Path(shutil.copytree(plain, tmp_path / "five", ignore=shutil.ignore_patterns("*processor*", "token*")))
    size = {"height": SIDE, "width": SIDE}
    images, tokenizer = SiglipImageProcessorPil(size=size), AutoTokenizer.from_pretrained(plain)
    SiglipProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(path)  # type: ignore[no-untyped-call]
    assert not (path / "preprocessor_config.json").exists()
    return path
