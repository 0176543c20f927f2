"""Finding a model folder, refusing what must not be loaded, and reading the recipe from it."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from schemas.model import Recipe, model_name
from streams.failures import CommandFailed

BUNDLED = Path(__file__).parent / "small"
_HUB_ID = re.compile(r"^\w[\w.-]*/[\w.-]+(@(?P<revision>[\w./-]+))?$")
_FILES = ("*.json", "*.safetensors", "*.model", "*.txt")


def find_model(model: str) -> Path:
    """The folder of `model`: a path, `org/name@revision` on the Hugging Face hub, or the bundled one for "".

    Raises CommandFailed (2) for what is neither, or for a hub id without a revision; (3) where the hub is away.
    """
    if not model:
        return BUNDLED
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder.resolve()
    hub = _HUB_ID.match(model)
    if hub is None:
        raise CommandFailed(f"{model} is neither a model folder nor a Hugging Face id org/name@revision", 2)
    if not hub["revision"]:
        raise CommandFailed(f"{model} needs a pinned revision: {model}@<commit>; what it names may change otherwise", 2)
    return _download(*model.split("@", 1))


def _download(repository: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise CommandFailed(
            f"{repository}@{revision} can't be fetched from the hub ({first}); give a folder instead", 3
        ) from None


def read_recipe(
    folder: Path, *, decode: Literal["draft", "full"] = "draft", images: int = 1, name: str | None = None
) -> Recipe:
    """The recipe of the model in `folder`, checked against its `recipe.json` where it has one.

    Raises CommandFailed (2) for weights that are not safetensors, for a hash that differs, and for models that are
    not SigLIP or would run code of their own.
    """
    config, processor = _json(folder / "config.json"), _json(folder / "preprocessor_config.json")
    _refuse(folder, config)
    stated = folder / "recipe.json"
    try:
        if stated.exists():
            recipe = Recipe.model_validate_json(stated.read_bytes())
        else:
            recipe = _from_processor(name or _name(folder), hash_weights(folder), processor, decode, images)
    except (ValidationError, KeyError, TypeError) as error:
        raise CommandFailed(f"{folder}: its settings make no recipe ({str(error).splitlines()[0]})", 2) from None
    if stated.exists() and recipe.weights != hash_weights(folder):
        raise CommandFailed(f"{folder}: the weights are not those that recipe.json names; restore or retrain them", 2)
    return recipe


def hash_weights(folder: Path) -> str:
    """sha256 over the folder's safetensors files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _refuse(folder: Path, config: dict[str, Any]) -> None:
    if not list(folder.glob("*.safetensors")):
        pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
        found = f"only pickled weights ({', '.join(pickled)}), which can run code" if pickled else "no weights"
        raise CommandFailed(f"{folder} has {found}; save them as safetensors", 2)
    if config.get("auto_map"):
        raise CommandFailed(f"{folder} wants to run code of its own; that is never done", 2)
    if config.get("model_type") == "siglip2":
        raise CommandFailed(
            f"{folder} is a NaFlex SigLIP 2 (model type siglip2), not supported; use a fixed-size checkpoint, "
            "such as google/siglip2-base-patch16-256",
            2,
        )
    if config.get("model_type") != "siglip":
        raise CommandFailed(f"{folder} is of model type {config.get('model_type')!r}; only siglip is supported", 2)


def _from_processor(
    name: str, weights: str, processor: dict[str, Any], decode: Literal["draft", "full"], images: int
) -> Recipe:
    size = processor["size"]
    return Recipe(
        name=name, weights=weights, height=size["height"], width=size["width"], resample=processor.get("resample", 3),
        rescale=processor.get("rescale_factor", 1 / 255), mean=tuple(processor["image_mean"]),
        std=tuple(processor["image_std"]), decode=decode, images=images,
    )  # fmt: skip


def _name(folder: Path) -> str:
    # A hub snapshot lies at models--org--name/snapshots/<revision>.
    hub = next((part for part in folder.parts if part.startswith("models--")), None)
    name = hub.split("--")[-1] if hub else folder.name
    return model_name(name)


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise CommandFailed(f"{path.parent} is no model folder: {path.name} is missing", 2) from None
    except ValueError:
        raise CommandFailed(f"{path} is not JSON", 2) from None
    return found
