"""A model's `config.json`: refused if it is not a plain SigLIP, and told by what differs from SigLIP's own settings."""

from pathlib import Path
from typing import Any

from streams.errors import UsageError

_VISION, _TEXT = "vision_config", "text_config"
_TOWERS = {_VISION: "siglip_vision_model", _TEXT: "siglip_text_model"}
_SHAPES = frozenset(
    {
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "vocab_size",
        "max_position_embeddings",
        "projection_size",
        "image_size",
        "patch_size",
        "num_channels",
    }
)
"""What the shapes of the weights say as well: other weights, another hash, and weights that don't fit are refused."""
_LARGEST = {
    "hidden_size": 16_384,
    "intermediate_size": 131_072,
    "num_hidden_layers": 256,
    "num_attention_heads": 1_024,
    "vocab_size": 4_000_000,
    "max_position_embeddings": 65_536,
    "projection_size": 16_384,
    "image_size": 4_096,
    "patch_size": 4_096,
    "num_channels": 3,
}
"""Ten times the published SigLIPs' and more: torch makes whatever it is asked for, a layer at a time, for hours."""
_WITHOUT_EFFECT = frozenset(
    {
        "architectures",
        "attention_dropout",
        "bos_token_id",
        "dropout",
        "dtype",
        "eos_token_id",
        "id2label",
        "initializer_factor",
        "initializer_range",
        "is_decoder",
        "is_encoder_decoder",
        "label2id",
        "model_type",
        "name_or_path",
        "num_labels",
        "output_attentions",
        "output_hidden_states",
        "pad_token_id",
        "return_dict",
        "text_config",
        "tie_word_embeddings",
        "torch_dtype",
        "torchscript",
        "transformers_version",
        "use_cache",
        "use_return_dict",
        "vision_config",
    }
)
"""Read by training, by generation or by nobody; the towers are looked at by themselves."""
_SIGLIP = {"hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-06, "vision_use_head": True}
_HEADS = {1152: 16, 1536: 16}
"""Heads of the published SigLIPs by width; all others have one for 64 numbers."""
_DEFAULT_WIDTH, _DEFAULT_HEADS, _DEFAULT_SIDE = 768, 12, 224  # transformers' own


def check_config(folder: Path, config: dict[str, Any]) -> None:
    """Raise UsageError for a model of another type, one that would run code of its own, or a quantised one."""
    kind = config.get("model_type")
    if config.get("auto_map") or any(_tower(folder, config, name).get("auto_map") for name in _TOWERS):
        raise UsageError(f"{folder} wants to run code of its own; that is never done")
    if kind == "siglip2":
        raise UsageError(
            f"{folder} is a NaFlex SigLIP 2 (model type siglip2), not supported; use a fixed-size checkpoint, "
            "such as google/siglip2-base-patch16-256",
        )
    if kind != "siglip":
        raise UsageError(f"{folder} is of model type {kind!r}; only siglip is supported")
    if config.get("quantization_config"):
        raise UsageError(f"{folder} is quantised (quantization_config); use the weights it was made from")
    if (folder / "adapter_config.json").exists():
        raise UsageError(f"{folder} has an adapter (adapter_config.json); merge it into the weights")
    for name, wanted in _TOWERS.items():
        found = _tower(folder, config, name).get("model_type", wanted)
        if found != wanted:
            raise UsageError(f"{folder}: {name} is of model type {found!r}; only {wanted} is supported")
        _check_sizes(folder, name, _tower(folder, config, name))
    if _tower(folder, config, _VISION).get("vision_use_head", True) is not True:
        raise UsageError(f"{folder}: vision_use_head is off, and without that head there is no image vector")


def _check_sizes(folder: Path, name: str, tower: dict[str, Any]) -> None:
    for field, most in _LARGEST.items():
        value = tower.get(field, 1)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            shown = repr(value)[:40]
            raise UsageError(f"{folder}: {name}.{field} is {shown}; it must be a whole number from 1 to {most}")


def image_side(folder: Path, config: dict[str, Any]) -> object:
    """The side of the square pictures that the vision tower takes, as `config.json` has it."""
    return _tower(folder, config, _VISION).get("image_size", _DEFAULT_SIDE)


def differences(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    """What decides a vector, is not in the weights, and is other than in the published SigLIPs; by dotted name."""
    found = _differing(config, {})
    for name in _TOWERS:
        tower = _tower(folder, config, name)
        width, heads = tower.get("hidden_size", _DEFAULT_WIDTH), tower.get("num_attention_heads", _DEFAULT_HEADS)
        usual = _HEADS.get(width, width // 64) if isinstance(width, int) else None
        own = {**tower, "num_attention_heads": heads}
        found |= {f"{name}.{key}": value for key, value in _differing(own, {"num_attention_heads": usual}).items()}
    return dict(sorted(found.items()))


def _differing(fields: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    expected = {**_SIGLIP, **usual}
    return {
        name: value
        for name, value in fields.items()
        if name not in _SHAPES | _WITHOUT_EFFECT and name[:1] != "_" and value is not None
        if expected.get(name) != value
    }


def _tower(folder: Path, config: dict[str, Any], name: str) -> dict[str, Any]:
    tower = config.get(name)
    if tower is not None and not isinstance(tower, dict):
        raise UsageError(f"{folder / 'config.json'}: {name} is not an object; fetch or save it again")
    return tower or {}
