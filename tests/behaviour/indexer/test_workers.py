"""Index workers that come and go: killed, stopped, beside another model, or never started."""

import contextlib
import itertools
import json
import shutil
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import NewTopic

from awaiting import eventually
from catalogue import Catalogue, catalogue, next_prefix, place
from pictures import jpeg
from program import IndexWorker, index_worker
from schemas.source import Source
from streams.clients import admin
from streams.settings import Settings
from streams.topics import UPDATED, create
from web import Web
from workers.indexer.faust.app import SESSION_SECONDS
from workers.local.ports import free_port
from workers.milvus.collection import live
from workers.models.folder import BUNDLED, read_recipe

EVENTS = 240
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def own(stack: Settings, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A catalogue whose workers are this module's."""
    with catalogue(stack, tmp_path_factory.mktemp("pictures"), image_hosts=("*", web.host)) as made:
        yield made


@pytest.fixture(scope="module")
def refused(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, IndexWorker]]:
    """Workers that can't start, all started at once."""
    elsewhere = {"prefix": next_prefix(), "milvus": f"http://127.0.0.1:{free_port()}"}
    uneven = stack.model_copy(update={"prefix": next_prefix()})
    client = admin(uneven)
    client.create_topics([NewTopic(uneven.named(UPDATED), 3)])[uneven.named(UPDATED)].result(30)
    pickled = tmp_path_factory.mktemp("pickled")
    for file in BUNDLED.glob("*.json"):
        shutil.copy(file, pickled)
    (pickled / "pytorch_model.bin").write_bytes(b"\x80\x04")
    chosen = {
        "milvus away": stack.model_copy(update=elsewhere),
        "kafka away": stack.model_copy(update={"kafka": f"127.0.0.1:{free_port()}"}),
        "uneven": uneven,
        "pickled": stack.model_copy(update={"model": str(pickled), "prefix": next_prefix()}),
        "no topics": stack.model_copy(update={"prefix": next_prefix()}),
    }
    for name in ("milvus away", "uneven", "pickled"):
        create(chosen[name])
    started = {name: IndexWorker(settings) for name, settings in chosen.items()}
    yield started
    for each in started.values():
        each.close()


@pytest.fixture(scope="module")
def crew(own: Catalogue) -> Iterator[list[IndexWorker]]:
    """Two workers that share the partitions."""
    with (
        index_worker(own.settings, "--device", "cpu", await_ready=False) as first,
        index_worker(own.settings, "--device", "cpu", await_ready=False) as second,
    ):
        both = [first, second]
        eventually(lambda: [shares(each) for each in both] == [6, 6], "six partitions each", seconds=150)
        yield both


def shares(worker: IndexWorker) -> int:
    """How many partitions a worker was given last."""
    assigned = worker.events("assigned")
    return len(assigned[-1]["partitions"]) if assigned else 0


@pytest.fixture(scope="module")
def half_done(own: Catalogue, crew: list[IndexWorker], web: Web) -> list[Source]:
    """Events of which some are done and some are not, and one of the two workers killed in their middle."""
    with in_work(own, web, 0) as sources:
        crew[0].kill()
        assert len(own.outcomes()) < EVENTS
    return sources


@contextlib.contextmanager
def in_work(own: Catalogue, web: Web, seed: int) -> Iterator[list[Source]]:
    """New listings of which a tenth or more is done, and an eighth can't be done within the block: their picture does
    not come before its end."""
    done = len(own.outcomes())
    with web.held(f"/in-work-{seed}.jpg", jpeg(seed)) as held:
        urls = [held, *(own.picture(seed + number) for number in range(1, 8))]
        events = [own.event(own.new_id(), 1, image_urls=[urls[number % 8]]) for number in range(EVENTS)]
        sources = own.publish_all(events)
        eventually(lambda: len(own.outcomes()) > done + EVENTS // 10, "a tenth is done")
        yield sources


def test_a_killed_worker_loses_nothing(own: Catalogue, crew: list[IndexWorker], half_done: list[Source]) -> None:
    """Every event has its outcome and its row, and none had to wait longer than the session timeout and ten seconds."""
    own.outcomes_of(half_done, seconds=120)
    told = sorted(record.source.timestamp for record in own.indexed.read())
    longest = max(later - earlier for earlier, later in itertools.pairwise(told))
    assert longest < (SESSION_SECONDS + 10) * 1_000
    own.at_rest()
    assert all(known.row for known in own.known_all(own.ids).values())
    assert shares(crew[1]) == 12


def test_a_stopped_worker_commits_what_is_finished(
    own: Catalogue, crew: list[IndexWorker], half_done: list[Source], web: Web
) -> None:
    """SIGTERM in the middle: exit 0 within the grace time, and nothing is committed that has no outcome."""
    own.outcomes_of(half_done, seconds=120)
    with in_work(own, web, 100) as sources:
        assert crew[1].terminate(seconds=20) == 0, crew[1].log()
    assert "Traceback" not in crew[1].log()
    told, committed = own.outcomes(), own.all_committed()
    unfinished = [source for source in sources if place(source) not in told]
    assert unfinished
    for source in unfinished:
        assert (committed[UPDATED, source.partition] or 0) <= source.offset


def test_another_model_indexes_beside_the_live_one(
    own: Catalogue, half_done: list[Source], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A worker of another recipe reads from the start of the log into its own collection and says so; the live one
    stays live. Beside it a worker of the live model takes up what the stopped ones left."""
    folder = tmp_path_factory.mktemp("models") / "other"
    shutil.copytree(BUNDLED, folder)
    (folder / "recipe.json").unlink()  # else it is what counts
    processor = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**processor, "image_mean": [0.4, 0.5, 0.6]}))
    other = read_recipe(folder)
    assert other.model_id != own.model_id
    with (
        index_worker(own.settings, "--device", "cpu", "--model", str(folder), await_ready=False) as beside,
        index_worker(own.settings, "--device", "cpu", await_ready=False),
    ):
        for group in (own.group, f"lookalike-index-{other.hash12}"):
            own.at_rest(group, seconds=200)
        warned = beside.events("another_model_is_live")
    assert [each["indexing_into"] for each in warned] == [own.settings.named(f"listings_other_{other.hash12}")]
    current = live(own.client, own.settings)
    assert current is not None
    assert current.model_id == own.model_id
    first, second = own.known_all(own.ids), own.known_all(own.ids, other.model_id)
    assert all(known.row for known in (*first.values(), *second.values()))
    assert all(first[each].row["embedding"] != second[each].row["embedding"] for each in own.ids)  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("milvus away", 3, ("Milvus at http://127.0.0.1:", "lookalike up", "LOOKALIKE_MILVUS")),
        ("kafka away", 3, ("Kafka at 127.0.0.1:", "lookalike up", "LOOKALIKE_KAFKA")),
        ("pickled", 2, ("pickled weights", "pytorch_model.bin", "safetensors")),
        ("uneven", 2, ("listing-", "partition counts")),
        ("no topics", 2, ("listing-created", "missing", "lookalike topics create")),
    ],
)
def test_a_worker_that_cannot_start(
    refused: dict[str, IndexWorker], name: str, code: int, words: tuple[str, ...]
) -> None:
    """It ends with its exit status and one line that says what is wrong and what to try."""
    ended, errors = refused[name].process.wait(120), refused[name].log()
    assert ended == code, errors
    last = errors.strip().splitlines()[-1]
    assert last.startswith("lookalike: ")
    assert all(word in last for word in words), last
    assert "Traceback" not in errors
