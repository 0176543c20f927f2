"""Weight files checked by their headers alone, without torch: all there, whole, and of float types."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streams.errors import UsageError
from workers.models.json_file import read_json

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
POSITION_IDS = frozenset({"vision_model.embeddings.position_ids", "text_model.embeddings.position_ids"})
"""0, 1, 2, …: buffers that checkpoints of older releases of transformers hold, and that are made anew."""
_LARGEST_HEADER = 100_000_000  # bytes: safetensors' own limit
_FETCH = "fetch or save it again"


def check_weights(folder: Path) -> None:
    """Raise UsageError unless the folder's safetensors files are one complete set of float tensors."""
    found = {path.name for path in folder.glob("*.safetensors")}
    if not found:
        pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
        words = f"only pickled weights ({', '.join(pickled)}), which can run code" if pickled else "no weights"
        raise UsageError(f"{folder} has {words}; save them as safetensors")
    listed = None if SINGLE in found else _listed(folder)
    wanted = {SINGLE} if listed is None else set(listed.values())
    if missing := sorted(wanted - found):
        raise UsageError(f"{folder}: {missing[0]} is missing, which {INDEX} lists; fetch the folder again")
    if extra := sorted(found - wanted):
        raise UsageError(f"{folder}: {extra[0]} is not among the weights that are loaded; remove it")
    where: dict[str, str] = {}
    for name in sorted(wanted):
        for tensor in _tensors(folder / name):
            if tensor in where:
                raise UsageError(f"{folder}: both {where[tensor]} and {name} hold {tensor}; save the model again")
            where[tensor] = name
    if listed is not None and (wrong := sorted(name for name in listed if where.get(name) != listed[name])):
        problem = f"{INDEX} says that {wrong[0]} is in {listed[wrong[0]]}, and it is not"
        raise UsageError(f"{folder}: {problem}; fetch the folder again")


def _listed(folder: Path) -> dict[str, str]:
    """The file of each tensor, by the index of the shards."""
    path = folder / INDEX
    if not path.exists():
        raise UsageError(f"{folder} has neither {SINGLE} nor {INDEX}; save the weights by one of these names")
    listed = read_json(path).get("weight_map")
    if not isinstance(listed, dict) or not all(_is_plain(name) for name in listed.values()):
        raise UsageError(f"{path} has no weight_map of tensors to files of this folder; fetch it again")
    return listed


def _is_plain(name: object) -> bool:
    return isinstance(name, str) and name == Path(name).name and name.endswith(".safetensors")


def _tensors(path: Path) -> Iterator[str]:
    """The names of the tensors in a file whose header says what the file holds."""
    for name, tensor in _header(path).items():
        if name == "__metadata__":
            continue
        if tensor["dtype"] not in FLOATS and name not in POSITION_IDS:
            raise UsageError(
                f"{path}: {name} is of type {tensor['dtype']}; quantised weights are not supported, "
                "save them as float32, float16 or bfloat16",
            )
        yield name


def _header(path: Path) -> dict[str, Any]:
    """The header, as https://huggingface.co/docs/safetensors describes it: 8 bytes of length, then JSON."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            if start == b"version ":
                raise UsageError(f"{path} is a Git LFS pointer, not the weights; run `git lfs pull` there")
            length = int.from_bytes(start, "little")
            if size < 8 or length > min(size - 8, _LARGEST_HEADER):
                raise UsageError(f"{path} is cut short, or no safetensors file ({size} bytes); {_FETCH}")
            header = json.loads(file.read(length))
        end = max((each["data_offsets"][1] for name, each in header.items() if name != "__metadata__"), default=0)
        known = all(isinstance(each["dtype"], str) for name, each in header.items() if name != "__metadata__")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise UsageError(f"{path} has a damaged header; {_FETCH}") from None
    if not known or size != 8 + length + end:
        raise UsageError(f"{path} is cut short: {size} bytes of {8 + length + end}; {_FETCH}")
    found: dict[str, Any] = header
    return found
