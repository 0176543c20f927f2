"""How long `lookalike explain ID` takes, as a whole process, on topics of 100,000 events and as many outcomes."""

import random
import subprocess
import sys
import time

from schemas.outcome import Outcome, StagesMs
from schemas.source import Source
from streams.clients import producer
from streams.settings import Settings
from streams.topics import CREATED, INDEXED
from workers.local.environment import child_environment
from workers.milvus.client import connect
from workers.milvus.collection import prepare
from workers.models.folder import find_model, read_recipe

from .bench import Bench
from .events import listings, publish
from .processes import Failed
from .report import Figure

AIM_SECONDS = 2.0


def measure(bench: Bench) -> list[Figure]:
    """Publish, tell outcomes as a worker would, then ask for listings at random."""
    count, runs = bench.pick(100_000, 20_000), bench.pick(15, 5)
    settings = bench.catalogue()
    recipe = read_recipe(find_model(settings.model))
    prepare(connect(settings), settings, recipe.model_id, 128)
    publish(settings, listings(bench.images, range(count)))
    _tell_outcomes(settings, recipe.model_id, count)
    bench.say(f"{count} events and as many outcomes are published; {runs} runs of `lookalike explain`")
    chosen = random.Random(4)  # noqa: S311 - which listing is asked for must be the same in each run
    seconds = tuple(_timed(settings, f"m{chosen.randrange(count):06}") for _ in range(runs))
    note = f"aim ≤ {AIM_SECONDS:g} s; whole process"
    return [Figure("e", f"explain on {count:,} events", "s", seconds, note=note)]


def _tell_outcomes(settings: Settings, model_id: str, count: int) -> None:
    sender = producer(settings)
    for number in range(count):
        listing_id = f"m{number:06}"
        outcome = Outcome(
            listing_id=listing_id,
            version=1,
            outcome="indexed",
            model=model_id,
            encoded=True,
            event_to_visible_ms=1,
            source=Source(topic=settings.named(CREATED), partition=0, offset=number),
            stages_ms=StagesMs(),
        )
        sender.produce(settings.named(INDEXED), outcome.model_dump_json().encode(), listing_id)
        if number % 10_000 == 0:
            sender.flush(30)
    if sender.flush(60):
        raise Failed("not all outcomes were confirmed")


def _timed(settings: Settings, listing_id: str) -> float:
    started = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "workers.cli", "explain", listing_id, "--json"],
        env=child_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if ended.returncode != 0 or f'"{listing_id}"' not in ended.stdout:
        raise Failed(f"explain {listing_id} ended with {ended.returncode}: {ended.stderr[-300:]}")
    return seconds
