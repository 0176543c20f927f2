"""The version of the product, as it is installed."""

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str | None:
    """As in `pyproject.toml` when it was installed; None if the program runs from its folder and is not installed."""
    try:
        return version("lookalike")
    except PackageNotFoundError:
        return None
