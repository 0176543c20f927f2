"""A catalogue of its own for each test of the recorder: topics by prefix, files in a folder of the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalogue import next_prefix
from recording import Recording
from streams.settings import Settings
from streams.topics import create


@pytest.fixture
def new_recording(stack: Settings, tmp_path: Path) -> Iterator[Callable[[], Recording]]:
    """Makes topics with nothing in them, and an empty folder."""
    made: list[Recording] = []

    def make() -> Recording:
        prefix = next_prefix()
        settings = stack.model_copy(update={"prefix": prefix, "data": tmp_path / prefix})
        settings.data.mkdir()
        create(settings)
        made.append(Recording(settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def recording(new_recording: Callable[[], Recording]) -> Recording:
    """One of these."""
    return new_recording()
