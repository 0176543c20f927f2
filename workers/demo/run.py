"""One demo from start to end: its place, its stack, the tour, the summary and the gallery."""

from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from streams.errors import ServiceUnavailable, UsageError
from streams.redaction import shown_address
from streams.settings import Settings
from workers.demo.catalogue import BUNDLED, catalogue
from workers.demo.console import Console
from workers.demo.gallery import page
from workers.demo.gallery_text import told_as_gallery
from workers.demo.market import Market
from workers.demo.memory import MemoryPeak
from workers.demo.sandbox import clear, demo_settings, running
from workers.demo.summary import Clock, Summary, summarise
from workers.demo.tour import Tour
from workers.local.jars import jars
from workers.operations.search import Asker
from workers.operations.status import overview


@dataclass(frozen=True)
class Demo:
    """A finished demo: its settings, its figures, and what to go on asking for."""

    settings: Settings
    summary: Summary
    listing_id: str
    picture: Path | None
    text: str


def run(settings: Settings, images: Path | None, gallery: Path | None, voice: Console, *, keep: bool) -> Demo:
    """The whole demo; LookalikeError where a step can't be done. Nothing runs on afterwards unless it is kept."""
    clock = Clock()
    ours = demo_settings(settings, images or BUNDLED)
    if gallery is not None:
        _require_place(gallery)
    listings = catalogue(images or BUNDLED)
    clear(ours)
    target = gallery.absolute() if gallery else ours.data / "gallery.html"
    voice.title(f"Lookalike, with {len(listings):,} pictures from {images or 'openclipart, which are bundled'}")
    voice.note(
        f"in a place of its own: {ours.data}, prefix {ours.prefix}, Kafka {shown_address(ours.kafka)}, "
        f"Milvus {shown_address(ours.milvus)}"
    )
    tour = Tour(Market(ours, voice), listings, bundled=images is None)
    with ExitStack() as place:
        memory = place.enter_context(MemoryPeak(ours))
        voice.headline("Start Apache Kafka, Milvus Lite and an index worker")
        with clock.step("start"), voice.waiting("starting"):
            jars(ours)
            place.enter_context(running(ours, keep=keep))
        voice.note(f"all is running after {clock.steps['start']:.1f} s; logs are in {ours.data / 'logs'}")
        _walk(tour, voice, clock)
        voice.headline("Count, and draw the gallery")
        with clock.step("gallery"), voice.waiting("drawing"):
            state = overview(ours)
            if state["down"]:
                raise ServiceUnavailable("; ".join(state["down"]))
            tour.count(state)
            drawn = page(told_as_gallery(tour, summarise(tour, state, memory, clock, target, kept=keep)))
            _write(target, drawn)
        voice.note(f"one file of {len(drawn) / 1e6:.1f} MB: {target}")
        if not keep:
            voice.headline("Stop everything")
            with clock.step("stop"), voice.waiting("stopping"):
                place.close()
    summary = summarise(tour, state, memory, clock, target, kept=keep)
    return Demo(ours, summary, tour.sales[0].listing_id, tour.like_pictures[0].picture, tour.like_texts[0].words)


def _walk(tour: Tour, voice: Console, clock: Clock) -> None:
    voice.headline(f"Publish {len(tour.listings):,} listings to Kafka; the worker fetches, decodes, encodes, upserts")
    with clock.step("index"):
        tour.index()
    with closing(Asker(tour.market.settings)) as asker:
        voice.headline("Ask Milvus for neighbours")
        with clock.step("ask"):
            tour.ask(asker)
        voice.headline("Change prices")
        with clock.step("reprice"):
            tour.reprice()
        voice.headline("Sell some, relist half of them, remove a few")
        with clock.step("sell"):
            tour.sell(asker)


def _require_place(gallery: Path) -> None:
    """Said now, not after a minute."""
    if gallery.is_dir() or not gallery.parent.is_dir():
        what = "is a folder" if gallery.is_dir() else f"can't be written: there is no folder {gallery.parent}"
        raise UsageError(f"{gallery} {what}; give a file for the gallery")


def _write(gallery: Path, text: str) -> None:
    try:
        gallery.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{gallery} can't be written: {error.strerror}") from None
