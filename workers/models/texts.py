"""Texts as a model is to read them: prepared the same way in training and for a query."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Literal

from workers.models.json_file import read_bytes, read_json

Preparation = Literal["as_typed", "lower", "titles"]

SETTING = "query_texts"
"""The field of `tokenizer_config.json` by which a model says how its training prepared texts."""
_SETTINGS = "tokenizer_config.json"
_FILES = (
    "tokenizer.json",
    _SETTINGS,
    "special_tokens_map.json",
    "added_tokens.json",
    "*.model",
    "vocab.*",
    "merges.txt",
)
_VOCABULARIES = ("tokenizer.json", "*.model")
_WITHOUT_EFFECT = frozenset(
    {"processor_class", "is_local", "local_files_only", "name_or_path", "tokenizer_file", "transformers_version"}
)
_ARTICLES = frozenset({"a", "an", "the"})


def words(text: str) -> list[str]:
    """Split a text at underscores, digits, signs and CamelCase into lower-case words.

    >>> words("PianoKeys_bw-02")
    ['piano', 'keys', 'bw']
    """
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return re.findall(r"[^\W\d_]+", parted.lower())


def title_words(spoken: list[str]) -> list[str]:
    """The words that a title of the bundled model's training has: no articles, no single letters.

    >>> title_words(words("A red T-shirt."))
    ['red', 'shirt']
    """
    return [word for word in spoken if word not in _ARTICLES and len(word) > 1] or spoken


def prepare(text: str, preparation: Preparation) -> str:
    """The text as the model's training had its own: as it is typed, in lower case, or as the words of a title.

    >>> prepare("The red shoe!", "titles")
    'red shoe'
    """
    if preparation == "titles":
        return " ".join(title_words(words(text))) or text
    return text.lower() if preparation == "lower" else text


def preparation_of(folder: Path) -> Preparation:
    """What the folder's tokenizer settings ask for.

    SigLIP's own tokenizer takes off signs and, by its `do_lower_case`, case. Any other (SigLIP 2 has Gemma's) keeps
    case, and SigLIP 2 was trained on texts in lower case.
    """
    settings = read_json(folder / _SETTINGS) if (folder / _SETTINGS).exists() else {}
    stated = settings.get(SETTING)
    if stated in ("as_typed", "lower", "titles"):
        return stated  # type: ignore[no-any-return]
    return "as_typed" if settings.get("tokenizer_class") in (None, "SiglipTokenizer") else "lower"


def has_tokenizer(folder: Path) -> bool:
    """Whether the folder has what a tokenizer is made of."""
    return any(True for pattern in _VOCABULARIES for _ in folder.glob(pattern))


def hash_tokenizer(folder: Path) -> str | None:
    """sha256 over the tokenizer's files, by name in order; None for a folder without a tokenizer.

    Of settings only what decides a piece counts: transformers writes others differently from release to release.
    """
    if not has_tokenizer(folder):
        return None
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _FILES for path in folder.glob(pattern)}):
        content = read_bytes(path)
        if path.name.endswith((_SETTINGS, "_map.json")):
            content = json.dumps(_deciding(read_json(path)), sort_keys=True).encode()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _deciding(settings: dict[str, Any]) -> dict[str, Any]:
    empty: tuple[object, ...] = (None, [], {})
    return {name: value for name, value in settings.items() if name not in _WITHOUT_EFFECT and value not in empty}
