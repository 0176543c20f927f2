"""Kafka answers, and takes nothing: what was refused is said, with the reason, and nobody says that it is away.

It is the topics that take no time but the broker's own: a machine whose clock is an hour ahead gets the same answer.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from catalogue import next_prefix
from faults.configured import configured
from faults.ground import Ground
from interactions import send, session
from program import failed, run
from recording import Recording
from streams.settings import Settings
from streams.topics import CREATED, INTERACTION_DEAD_LETTER, REPORTS, RETRAIN, TAKEDOWN, UPDATED, create

CLOCK = ("INVALID_TIMESTAMP", "this machine's clock says", "set the clock")
REMOVED = {"event": "listing-updated", "listing_id": "m1", "version": 1, "status": "removed"}


DELAY_SECONDS = 0.02
"""On the way to Kafka: no record arrives in the millisecond in which it was made."""

pytestmark = pytest.mark.full


@pytest.fixture
def own(fault_ground: Ground, tmp_path: Path) -> Iterator[Settings]:
    """Topics and a folder of its own, and a way to Kafka that takes a moment."""
    settings = fault_ground.settings.model_copy(update={"prefix": next_prefix(), "data": tmp_path})
    create(settings)
    fault_ground.kafka_proxy.slow(delay=DELAY_SECONDS)
    yield fault_ground.through_proxies(settings)
    fault_ground.heal()


@contextmanager
def refusing(settings: Settings, *topics: str) -> Iterator[None]:
    """For the time of the block these topics refuse what is not of this very moment."""
    with ExitStack() as stack:
        for each in topics:
            stack.enter_context(configured(settings, each, {"message.timestamp.before.max.ms": "1"}))
        yield


def says_so(line: str) -> None:
    """The sentence has topic or cause, and does not say that a service is out of reach."""
    for words in CLOCK:
        assert words in line
    for words in ("can't be reached", "away", "stopped answering"):
        assert words not in line


def test_a_recorder(own: Settings) -> None:
    """It ends, exit 1, with nothing recorded; the clock put right, all of it is done."""
    recording = Recording(own)
    send(own, [*session("a"), b"{ no JSON"])
    with refusing(own, INTERACTION_DEAD_LETTER):
        ended = recording.run("worker", "record", "--once")
        assert ended.returncode == 1, ended.stderr
        says_so(ended.stderr.strip().splitlines()[-1])
        assert not recording.files()
    recording.once()
    assert recording.is_the_log()


def test_an_evaluator(own: Settings) -> None:
    """Whose reports are refused: it ends, exit 1."""
    send(own, session("a"))
    Recording(own).once()
    with refusing(own, REPORTS):
        says_so(failed(run(own, "worker", "evaluate"), 1))


COMMANDS = {
    "publish": (("publish", "-"), json.dumps(REMOVED)),
    "takedown": (("takedown", "--listing", "m1"), ""),
    "erase": (("erase", "--listing", "m1"), ""),
    "triggers": (("triggers", "--request", "a person's reason"), ""),
}


def test_commands(own: Settings) -> None:
    """Exit 1: what was asked for failed, and trying again later would not help."""
    with refusing(own, CREATED, UPDATED, TAKEDOWN, RETRAIN), ThreadPoolExecutor(len(COMMANDS)) as pool:
        ended = [pool.submit(run, own, *arguments, stdin=given) for arguments, given in COMMANDS.values()]
        for each in ended:
            says_so(failed(each.result(), 1))
