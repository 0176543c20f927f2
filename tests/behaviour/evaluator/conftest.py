"""A catalogue of its own for each test of the evaluator: topics by prefix, files in a folder of the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalogue import next_prefix
from recording import Recording
from streams.settings import Settings
from streams.topics import create


@pytest.fixture
def recording(stack: Settings, tmp_path: Path) -> Iterator[Recording]:
    """Topics with nothing in them, and an empty folder."""
    settings = stack.model_copy(update={"prefix": next_prefix(), "data": tmp_path})
    create(settings)
    made = Recording(settings)
    yield made
    made.close()
