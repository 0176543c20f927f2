"""Which extra of the package a missing library belongs to, from what the package itself declares."""

import re
from importlib.metadata import PackageNotFoundError, requires

_IMPORT_NAMES = {"python-multipart": "multipart"}
"""Distributions whose module has another name than theirs."""
_EXTRA = re.compile(r"^([A-Za-z0-9._-]+).*;.*\bextra == ['\"]([a-z]+)['\"]")


def extra_of(module: str) -> str | None:
    """The extra that brings `module` (its top-level name), if one does.

    >>> extra_of("milvus_lite"), extra_of("torch")
    ('local', None)
    """
    return _extras(_declared()).get(module.partition(".")[0])


def _declared() -> list[str]:
    try:
        return requires("lookalike") or []
    except PackageNotFoundError:  # it runs from its folder
        return []


def _extras(requirements: list[str]) -> dict[str, str]:
    found = (each.groups() for each in map(_EXTRA.match, requirements) if each)
    return {_IMPORT_NAMES.get(name, name.replace("-", "_")): extra for name, extra in found}
