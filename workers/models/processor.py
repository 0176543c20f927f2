"""A model's image processor: each of its settings is obeyed or refused, none is passed over."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streams.errors import UsageError
from workers.models.json_file import read_json

_OWN_FILE, _SHARED_FILE = "preprocessor_config.json", "processor_config.json"
_KINDS = ("SiglipImageProcessor", "SiglipImageProcessorFast", "SiglipImageProcessorPil")
_OBEYED = frozenset(
    {
        "size",
        "resample",
        "do_resize",
        "do_rescale",
        "rescale_factor",
        "do_normalize",
        "image_mean",
        "image_std",
        "do_convert_rgb",
        "image_processor_type",
        "feature_extractor_type",
    }
)
_WITHOUT_EFFECT = frozenset(
    {
        "processor_class",
        "data_format",
        "default_to_square",
        "device",
        "disable_grouping",
        "return_tensors",
        "transformers_version",
        "crop_size",
        "pad_size",
        "_valid_processor_keys",
    }
)
"""How transformers hands pictures on; `crop_size` and `pad_size` are read only if a `do_…` asks for it."""
_BICUBIC, _MOST_FILTERS = 3, 5


def read_processor(folder: Path, side: object) -> dict[str, Any]:
    """The recipe's height, width, resample, rescale, mean and std.

    `side` is the picture's that the model takes. Raises UsageError for settings that are not done here.
    """
    settings = {name: value for name, value in _settings(folder).items() if value is not None}
    for name, why in (*_not_done_here(settings), *_size_problems(settings, side), *_range_problems(settings)):
        raise UsageError(f"{folder}: the image processor's {name} is {settings.get(name)!r}: {why}")
    rescaled, normalised = settings.get("do_rescale", True), settings.get("do_normalize", True)
    return {
        **settings["size"],
        "resample": settings.get("resample", _BICUBIC),
        "rescale": settings.get("rescale_factor", 1 / 255) if rescaled else 1.0,
        "mean": _three(settings.get("image_mean", 0.5)) if normalised else (0.0, 0.0, 0.0),
        "std": _three(settings.get("image_std", 0.5)) if normalised else (1.0, 1.0, 1.0),
    }


def _not_done_here(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if name not in _OBEYED | _WITHOUT_EFFECT and value is not False:
            yield name, "this is not supported; remove it if it decides no pixel"
        elif name in ("image_processor_type", "feature_extractor_type") and value not in _KINDS:
            yield name, f"only {_KINDS[0]} is supported"
        elif name in ("do_resize", "do_convert_rgb") and value is not True:
            yield name, "pictures are always resized, and always RGB"
        elif name in ("do_rescale", "do_normalize") and not isinstance(value, bool):
            yield name, "it must be true or false"


def _size_problems(settings: dict[str, Any], side: object) -> Iterator[tuple[str, str]]:
    size = settings.get("size")
    if not isinstance(size, dict) or set(size) != {"height", "width"} or not all(map(_is_whole, size.values())):
        yield "size", "it must have a height and a width, in pixels"
    elif (size["height"], size["width"]) != (side, side):
        yield "size", f"the model takes squares of {side} pixels, by image_size in config.json; correct one of them"


def _range_problems(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not _is_whole(resample := settings.get("resample", _BICUBIC), least=0) or resample > _MOST_FILTERS:
        yield "resample", "it must be Pillow's number of a filter, 0 to 5"
    if (_number(settings.get("rescale_factor", 1)) or 0) <= 0:
        yield "rescale_factor", "it must be a number above 0"
    if not _three(settings.get("image_mean", 0.5)):
        yield "image_mean", "it must be three numbers"
    if min(_three(settings.get("image_std", 0.5)), default=0) <= 0:
        yield "image_std", "it must be three numbers above 0, as pixels are divided by them"


def _settings(folder: Path) -> dict[str, Any]:
    """From a file of their own or, as transformers 5 saves them, from one that the tokenizer shares."""
    shared = read_json(folder / _SHARED_FILE).get("image_processor") if (folder / _SHARED_FILE).exists() else None
    if shared is None:
        return read_json(folder / _OWN_FILE)
    if not isinstance(shared, dict):
        raise UsageError(f"{folder / _SHARED_FILE}: image_processor is not an object; save it again")
    if (folder / _OWN_FILE).exists() and _deciding(read_json(folder / _OWN_FILE)) != _deciding(shared):
        raise UsageError(f"{folder}: {_OWN_FILE} and {_SHARED_FILE} differ; remove the one that is wrong")
    return shared


def _deciding(settings: dict[str, Any]) -> dict[str, Any]:
    unsaid = _WITHOUT_EFFECT | {"image_processor_type", "feature_extractor_type"}
    return {name: value for name, value in settings.items() if value is not None and name not in unsaid}


def _is_whole(value: object, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # a whole number of JSON may have thousands of digits
        return None
    return number if math.isfinite(number) else None


def _three(value: object) -> tuple[float, float, float] | tuple[()]:
    """One number for each colour; a single one counts for all three. Empty for what is neither."""
    found = [_number(each) for each in (value if isinstance(value, list) else [value] * 3)]
    numbers = [each for each in found if each is not None]
    return (numbers[0], numbers[1], numbers[2]) if len(found) == len(numbers) == 3 else ()
