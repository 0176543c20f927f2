"""One demo from start to end: its place, its stack, the tour, the summary and the gallery."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from streams.failures import CommandFailed
from streams.settings import Settings
from workers.demo.catalogue import BUNDLED, catalogue
from workers.demo.gallery import page
from workers.demo.market import Market
from workers.demo.memory import MemoryPeak
from workers.demo.place import clear, demo_settings, running
from workers.demo.summary import Summary, summarise
from workers.demo.tour import Tour
from workers.demo.voice import Voice
from workers.local.jars import jars
from workers.neighbors import Asker
from workers.overview import overview


@dataclass
class _Clock:
    """Seconds of each step, by its name."""

    steps: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.steps[name] = time.monotonic() - started


@dataclass(frozen=True)
class Demo:
    """A finished demo: its settings, its figures, and what to go on asking for."""

    settings: Settings
    summary: Summary
    listing_id: str
    picture: Path | None


def run(settings: Settings, images: Path | None, gallery: Path | None, voice: Voice, *, keep: bool) -> Demo:
    """The whole demo; raises CommandFailed where a step can't be done. Nothing runs on afterwards unless kept."""
    pictures = images or BUNDLED
    listings = catalogue(pictures)
    ours = demo_settings(settings, pictures)
    target = _writable(gallery or ours.data / "gallery.html", ours)
    clear(ours)
    voice.title(f"Lookalike: {len(listings)} {'pictures of yours' if images else 'bundled pictures'}, as on a marketplace")
    voice.note(f"In a place of its own: {ours.data}, prefix {ours.prefix}, Kafka {ours.kafka}, Milvus {ours.milvus}.")
    clock = _Clock()
    with MemoryPeak(ours) as memory:
        tour = Tour(Market(ours, voice), listings, bundled=images is None)
        voice.headline("Start Apache Kafka, Milvus Lite and an index worker")
        with clock.step("start"), voice.waiting("starting"):
            jars(ours)
        with _started(ours, voice, clock, keep=keep):
            _steps(tour, voice, clock)
            voice.headline("Draw the gallery")
            with clock.step("gallery"), voice.waiting("drawing"):
                state = overview(ours)
                if state["down"]:
                    raise CommandFailed("; ".join(state["down"]), 3)
                _count_rows(tour, state["rows"])
                summary = summarise(tour, state, memory, clock.steps, target, kept=keep)
                target.write_text(page(tour, summary), encoding="utf-8")
            voice.note(f"{target.stat().st_size / 1e6:.1f} MB in one file: {target}")
            if not keep:
                voice.headline("Stop everything")
    summary = summarise(tour, state, memory, clock.steps, target, kept=keep)
    picture = tour.like_pictures[0].picture if tour.like_pictures else None
    return Demo(ours, summary, tour.sales[0].listing_id, picture)
