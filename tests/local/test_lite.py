"""Milvus Lite as the local stack serves it, with several clients at once: it keeps and shows what it acknowledged."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parts import Part
from rows import row
from servers import local_settings
from streams.settings import Settings
from workers.local import milvus
from workers.local.environment import child_environment
from workers.milvus.client import connect
from workers.milvus.collection import prepare
from workers.milvus.store import Store

MODEL = "wide@0123456789ab"
DIMENSIONS = 512
BATCH = 20
WRITERS = 4

Serve = Callable[..., tuple[Part, Settings]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A Milvus Lite of the test's own, with more in its environment."""
    with contextlib.ExitStack() as stack:

        def start(**environment: str) -> tuple[Part, Settings]:
            settings = local_settings(tmp_path / "data")
            part = Part(milvus.process(settings), tmp_path / "log", {**child_environment(settings), **environment})
            stack.callback(part.kill)
            part.start()
            return part, settings

        yield start


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """A client of its own, as each worker has."""
    with contextlib.closing(connect(settings)) as client:
        yield Store(client, prepare(client, settings, MODEL, DIMENSIONS))


def batches(writer: int) -> Iterator[list[str]]:
    """Ids of one writer, without end."""
    for number in itertools.count():
        yield [f"{writer}-{number}-{each}" for each in range(BATCH)]


def write(store: Store, ids: list[str], version: int = 1) -> None:
    """Rows that are acknowledged when this returns."""
    assert not store.upsert([row(each, [1.0, *[0.5] * (DIMENSIONS - 1)], version) for each in ids])


def test_written_by_several_at_once_and_killed(serve: Serve) -> None:
    """Four clients write without pause, twice with SIGKILL after it: every row that was acknowledged is there."""
    part, settings = serve()
    acknowledged: dict[str, int] = {}

    def write_many(writer: int, version: int) -> None:
        with opened(settings) as store:
            for ids in itertools.islice(batches(writer), 40):
                write(store, ids, version)
                acknowledged.update(dict.fromkeys(ids, version))

    for version in (1, 2):
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write_many, range(WRITERS), [version] * WRITERS))
        part.restart(kill=True)
        with opened(settings) as store:
            known = store.known(acknowledged)
        there = {each: found.row["version"] for each, found in known.items() if found.row}
        assert len(acknowledged) == WRITERS * 40 * BATCH
        assert there == acknowledged, f"{len(acknowledged) - len(there)} of {len(acknowledged)} are gone"


def test_read_while_it_flushes(serve: Serve) -> None:
    """Rows on their way from memory to the disk are never missed: the guard would let an older version over them."""
    _, settings = serve(MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES="250000")  # some six batches
    with opened(settings) as writer, opened(settings) as reader, ThreadPoolExecutor(1) as pool:
        for ids in itertools.islice(batches(0), 60):
            write(writer, ids)
            # The next batch may be the one that fills the memory; this one must be seen meanwhile.
            writing = pool.submit(write, writer, [f"{each}-next" for each in ids])
            while not writing.done():
                missed = [each for each, known in reader.known(ids).items() if known.row is None]
                assert not missed, f"{len(missed)} of {len(ids)} acknowledged rows are not seen"
            writing.result()
    assert list((settings.data / "milvus").rglob("data_*.parquet")), "nothing was flushed"
