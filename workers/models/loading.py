"""Loading a SigLIP by transformers: exactly the tensors that its config asks for, or a refusal that names them."""

from pathlib import Path
from typing import Any

import torch

from streams.errors import LookalikeError, UsageError
from workers.models.json_file import read_json
from workers.models.tensors import POSITION_IDS

_NAMED = 3
_MOST_A_BYTE = 4
"""Numbers that a config may ask for, by bytes of the weights: 0.25 to 0.5 if they fit, up to 2 without a text tower."""
_LOGITS = frozenset({"logit_scale", "logit_bias"})
"""Of the loss that compares texts and pictures: no vector has them in it."""


def siglip_class() -> Any:
    """transformers' SigLIP; the first call takes seconds. Any: its published types don't describe what it returns."""
    # By its own module: the package's top level would import as much again.
    from transformers.models.siglip.modeling_siglip import SiglipModel
    from transformers.utils import logging as transformers_log

    transformers_log.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_log.set_verbosity_error()  # type: ignore[no-untyped-call]  # default token ids are overridden
    return SiglipModel


def load_siglip(folder: Path) -> Any:
    """The model in `folder`, in fp32; its `text_model` is None if the folder has none of its weights.

    Raises UsageError if it can't be loaded or if any tensor is missing, unexpected, of another shape or not
    finite, LookalikeError if there is too little memory.
    """
    siglip = siglip_class()
    try:
        _check_room(folder, siglip)
        model, report = siglip.from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            attn_implementation="sdpa",
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except LookalikeError:
        raise
    except MemoryError:
        raise LookalikeError(f"{folder}: there is too little memory for the model; use a smaller one") from None
    except Exception as error:  # transformers raises errors of any type for a folder that is damaged
        raise UsageError(
            f"{folder}: transformers can't load it ({first_line(error)}); fetch or save it again"
        ) from error
    if _text_tower_is_missing(model, set(report["missing_keys"])):
        report["missing_keys"] = {each for each in report["missing_keys"] if not _is_of_texts(each)}
        model.text_model = None
    for each in (model.config, model.config.vision_config, model.config.text_config):
        each.return_dict = True  # a config may ask for tuples; the numbers in them are the same
    _refuse(folder, report)
    _refuse_not_finite(folder, model)
    return model


def _check_room(folder: Path, siglip: Any) -> None:
    """Raise UsageError if the config asks for much more than the weights hold: all of it would be allocated."""
    with torch.device("meta"):  # shapes alone
        asked = siglip(siglip.config_class.from_dict(read_json(folder / "config.json")))
    held = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    wanted = sum(each.numel() for each in asked.state_dict().values())
    if wanted > _MOST_A_BYTE * held:
        remedy = "fetch the folder again, or save it by save_pretrained"
        raise UsageError(
            f"{folder}: config.json asks for {wanted:,} numbers, and the weights have {held:,} bytes; {remedy}"
        )


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in `folder`. Raises UsageError if it can't be loaded."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # as above: tokenizers raise errors of any type for a damaged file
        raise UsageError(
            f"{folder}: its tokenizer can't be loaded ({first_line(error)}); fetch or save it again"
        ) from error


def first_line(error: BaseException) -> str:
    """An error in one line of at most 300 characters, with its type if it says nothing."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {said}"[:300] if said else type(error).__name__


def _is_of_texts(tensor: str) -> bool:
    return tensor.startswith("text_model.") or tensor in _LOGITS


def _text_tower_is_missing(model: Any, missing: set[str]) -> bool:
    """Whether all of it is missing: a part of it would be filled at random."""
    wanted = {name for name in model.state_dict() if name.startswith("text_model.")}
    return wanted <= missing


def _refuse(folder: Path, report: dict[str, Any]) -> None:
    """Raise LookalikeError for what transformers would fill at random, or leave out."""
    missing, unexpected = set(report["missing_keys"]), set(report["unexpected_keys"]) - POSITION_IDS
    mismatched = {str(each[0]) for each in report["mismatched_keys"]}
    wrong = [
        f"{_some(names)} {what}"
        for names, what in (
            (missing - mismatched, "missing"),
            (unexpected, "unexpected"),
            (mismatched, "of another shape"),
        )
        if names
    ]
    wrong += [first_line(RuntimeError(each)) for each in report.get("error_msgs") or ()][:1]
    if wrong:
        remedy = "fetch the folder again, or save it by save_pretrained from the model that was trained"
        raise UsageError(f"{folder}: the weights don't fit config.json: {'; '.join(wrong)}; {remedy}")


def _refuse_not_finite(folder: Path, model: Any) -> None:
    for name, tensor in model.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise UsageError(
                f"{folder}: {name} holds NaN or infinity; use a checkpoint from before the training failed"
            )


def _some(names: set[str]) -> str:
    """The first few names, and how many more."""
    shown = sorted(names)[:_NAMED]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
