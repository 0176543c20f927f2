"""Finding a model folder, refusing what must not be loaded, and reading the recipe from it."""

import hashlib
import re
from pathlib import Path

from pydantic import ValidationError

from schemas.model import Decode, Profiles, Recipe, Several, model_name
from streams.errors import ServiceUnavailable, UsageError
from workers.models.config import check_config, differences, image_side
from workers.models.json_file import read_json
from workers.models.processor import read_processor
from workers.models.tensors import check_weights
from workers.models.texts import hash_tokenizer, preparation_of

BUNDLED = Path(__file__).parent / "small"
_HUB_ID = re.compile(r"^\w[\w.-]*/[\w.-]+(@(?P<revision>[\w./-]+))?$")
_OF_THE_FOLDER = ("height", "width", "resample", "rescale", "mean", "std", "config", "tokenizer")
"""What the folder's other files say as well; the rest of a recipe is the operator's choice."""
_FILES = ("*.json", "*.safetensors", "*.model", "*.txt")


def find_model(model: str) -> Path:
    """The folder of `model`: a path, `org/name@revision` on the Hugging Face hub, or the bundled one for "".

    Raises UsageError for what is neither, or for a hub id without a revision; ServiceUnavailable if the hub does not
    answer.
    """
    if not model:
        return BUNDLED
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder.resolve()
    hub = _HUB_ID.match(model)
    if hub is None:
        raise UsageError(f"{model} is neither a model folder nor a Hugging Face id org/name@revision")
    if not hub["revision"]:
        raise UsageError(f"{model} needs a pinned revision: {model}@<commit>; what it names may change otherwise")
    return _download(*model.split("@", 1))


def _download(repository: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise ServiceUnavailable(
            f"{repository}@{revision} can't be fetched from the hub ({first}); give a folder instead"
        ) from None


def read_recipe(
    folder: Path,
    *,
    decode: Decode = "draft",
    images: int = 1,
    name: str | None = None,
    profiles: Profiles = "srgb",
    several: Several = "mean",
) -> Recipe:
    """The recipe of the model in `folder`, checked against its `recipe.json` where it has one; the choices are for a
    folder that has none.

    Raises UsageError for weights that are not safetensors or not whole, for files that differ from
    `recipe.json`, for settings that are not done here, and for models that are not SigLIP or would run code of their
    own. Whether the weights fit the config is seen when they are loaded.
    """
    config = read_json(folder / "config.json")
    check_config(folder, config)
    check_weights(folder)
    stated = folder / "recipe.json"
    try:
        found = Recipe(
            name=name or _name(folder),
            weights=hash_weights(folder),
            decode=decode,
            images=images,
            profiles=profiles,
            several=several,
            config=differences(folder, config),
            tokenizer=hash_tokenizer(folder),
            texts=preparation_of(folder),
            **read_processor(folder, image_side(folder, config)),
        )
        if not stated.exists():
            return found
        recipe = Recipe.model_validate(read_json(stated))
    except ValidationError as error:
        first = error.errors()[0]
        wrong = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise UsageError(f"{folder}: its settings make no recipe ({wrong}); correct or remove them") from None
    _compare(folder, recipe, found)
    return recipe


def _compare(folder: Path, stated: Recipe, found: Recipe) -> None:
    """Raise LookalikeError if the folder is another than its `recipe.json` says."""
    if stated.weights != found.weights:
        raise UsageError(f"{folder}: the weights are not those that recipe.json names; restore or retrain them")
    for field in _OF_THE_FOLDER:
        said, there = getattr(stated, field), getattr(found, field)
        # Recipes of the first release say nothing of the tokenizer.
        if said != there and not (field == "tokenizer" and said is None):
            raise UsageError(
                f"{folder}: recipe.json says {field} {said}, and the folder's files {there}; restore the files, or "
                "remove recipe.json: that makes it another model",
            )


def hash_weights(folder: Path) -> str:
    """sha256 over the folder's safetensors files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}") from None
    return digest.hexdigest()


def _name(folder: Path) -> str:
    # A hub snapshot lies at models--org--name/snapshots/<revision>.
    hub = next((part for part in folder.parts if part.startswith("models--")), None)
    name = hub.split("--")[-1] if hub else folder.name
    return model_name(name)
