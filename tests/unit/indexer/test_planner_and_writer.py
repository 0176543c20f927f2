"""Planner and writer, one step at a time, on a store that is a value: what may be finished, and when."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pytest

from changes import change
from schemas.outcome import Done
from schemas.source import Source
from schemas.takedown import Kind, Takedown
from streams.errors import BadMessage, SlowDown
from streams.keyed_hash import HashKey
from streams.listing_codec import Record
from streams.takedown_follower import TakedownFollower
from streams.takedowns import Takedowns
from streams.watermark import Watermark
from workers.indexer.config import Capacity
from workers.indexer.fetch_stage import FetchStage
from workers.indexer.fold import Fold
from workers.indexer.lease import Lease
from workers.indexer.messages import Queues, Write
from workers.indexer.pending_event import PendingEvent, ReceivedRecord
from workers.indexer.planner import Planner
from workers.indexer.removals import Removals
from workers.indexer.reporter import Reporter
from workers.indexer.settler import Settler
from workers.indexer.shared import Shared
from workers.indexer.stages import Stages
from workers.indexer.writer import Writer
from workers.milvus.row import Known, Row, Tombstone
from workers.milvus.store import Store

HASH_KEY = HashKey("a key that nobody else has")
PICTURE, VECTOR = "0" * 64, np.array([1.0, 0.0], np.float32)


class Shelf:
    """Rows and tombstones in memory, with the store's three verbs; `trouble` is raised by the next calls, one each."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.graves: dict[str, Tombstone] = {}
        self.trouble: list[Exception] = []
        self.asked: list[str] = []

    def known(self, listing_ids: Iterable[str], **_: Any) -> dict[str, Known]:
        """As the store's."""
        return {each: Known(self.rows.get(each), self.graves.get(each)) for each in listing_ids}

    def upsert(self, rows: Sequence[Row]) -> dict[str, BadMessage]:
        """As the store's; a row without a title is refused."""
        self._called("upsert", rows)
        self.rows |= {row["listing_id"]: row for row in rows if row["title"] != "refused"}
        return {row["listing_id"]: BadMessage("row-rejected", "no") for row in rows if row["title"] == "refused"}

    def delete_with_tombstone(self, tombstones: Sequence[Tombstone]) -> None:
        """As the store's."""
        self._called("delete_with_tombstone", tombstones)
        for grave in tombstones:
            self.graves[grave["listing_id"]] = grave
            self.rows.pop(grave["listing_id"], None)

    def delete_rows(self, listing_ids: Iterable[str]) -> None:
        """As the store's."""
        for each in listing_ids:
            self.rows.pop(each, None)

    def delete_tombstones(self, listing_ids: Iterable[str]) -> None:
        """As the store's."""
        for each in listing_ids:
            self.graves.pop(each, None)

    def _called(self, verb: str, what: Sequence[Row] | Sequence[Tombstone]) -> None:
        self.asked.append(verb)
        if what and self.trouble:
            raise self.trouble.pop(0)


class Told:
    """What was told of each event, in place of Kafka's topics: every record is confirmed at once."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[int, Done]] = []
        self.letters: list[int] = []

    def outcome(self, change: PendingEvent, done: Done, **_: Any) -> None:
        """As the reporter's."""
        self.outcomes.append((change.source.offset, done))
        change.received.finish()

    def count_success(self, _stage: str, _site: str = "") -> None:
        """As the reporter's."""

    def dead_letter(self, received: ReceivedRecord, *_: Any) -> None:
        """As the reporter's."""
        self.letters.append(received.record.source.offset)
        received.finish()


class Knows:
    """What was taken down, in place of the follower of its topic; nothing at first."""

    def __init__(self) -> None:
        self.takedowns = Takedowns(lambda: HASH_KEY)

    def hide(self, kind: Kind, value: str, **more: Any) -> None:
        """From now on."""
        entry = Takedown(kind=kind, value=value, at=datetime.now(UTC), **more)
        place = Source(topic="listing-takedown", partition=0, offset=0)
        self.takedowns.apply(Record(place, entry.key.encode(), entry.model_dump_json().encode()))

    def require(self) -> Takedowns:
        """As the follower's."""
        return self.takedowns

    def sync(self) -> Takedowns:
        """As the follower's."""
        return self.takedowns


class Bench:
    """The parts of the pipeline that decide, without threads; pictures are made by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workers.process.retry.random.uniform", lambda *_: 0.0)
        self.shelf, self.told, self.mark, self.lease = Shelf(), Told(), Watermark(), Lease()
        self.lease.renew(float("inf"))
        self.pictured: list[PendingEvent] = []
        self.queues, self.fold = Queues(), Fold()
        stages = Stages(Capacity(idle_wait_seconds=0.0), self._broken)
        store = cast("Store", self.shelf)
        self.settler = Settler(self.fold, cast("Reporter", self.told), self.queues)
        self.knows = Knows()
        follower = cast("TakedownFollower", self.knows)
        shared = Shared(stages, self.queues, self.fold, store, self.settler, follower, self.lease)
        self.planner = Planner(shared, cast("FetchStage", self))
        self.writer = Writer(shared, Removals(shared))

    def submit(self, change: PendingEvent, *_: Any) -> None:
        """A picture is wanted."""
        self.pictured.append(change)

    def arrives(self, version: int, offset: int, **more: Any) -> None:
        """An event of listing m1 comes and is planned."""
        self.queues.inbox.put(change("m1", version, offset, watermark=self.mark, **more).received)
        self.planner.step()

    def encoded(self, change: PendingEvent) -> None:
        """Its picture is ready to be written."""
        self.queues.writes.put(Write(change, PICTURE, VECTOR))

    def settle_all(self) -> None:
        """Let everything that needs no picture come to its end."""
        while not (self.queues.inbox.empty() and self.queues.writes.empty() and self.queues.urgent.empty()):
            self.planner.step()
            self.writer.step()

    @staticmethod
    def _broken(error: BaseException) -> None:
        raise error


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench with an empty shelf."""
    return Bench(monkeypatch)


def test_nothing_is_finished_before_it_is_written(bench: Bench) -> None:
    """Planned, pictured, encoded: the offset is held back until the store has taken the row."""
    bench.arrives(1, offset=0)
    assert bench.mark.committable == 0
    bench.encoded(bench.pictured[0])
    seen: list[int | None] = []
    upsert: Callable[[Sequence[Row]], dict[str, BadMessage]] = bench.shelf.upsert

    def look(rows: Sequence[Row]) -> dict[str, BadMessage]:
        seen.append(bench.mark.committable)
        return upsert(rows)

    bench.shelf.upsert = look  # type: ignore[method-assign]
    bench.writer.step()
    assert seen == [0]
    assert bench.mark.committable == 1
    assert bench.told.outcomes == [(0, "indexed")]


@pytest.mark.parametrize("verb", ["upsert", "delete_with_tombstone"])
def test_a_write_that_failed_is_tried_again(bench: Bench, verb: str) -> None:
    """The store was there for the question and away for the write: nothing is told before a write went through."""
    bench.arrives(1, offset=0, status="on_sale" if verb == "upsert" else "removed")
    for picture in bench.pictured:
        bench.encoded(picture)
    bench.shelf.trouble = [SlowDown("away"), SlowDown("away still")]
    bench.writer.step()
    assert bench.shelf.asked.count(verb) == 3
    assert ("m1" in bench.shelf.rows, "m1" in bench.shelf.graves) == (verb == "upsert", verb == "delete_with_tombstone")
    assert (len(bench.told.outcomes), bench.told.letters) == (1, [])


def test_a_failure_that_nobody_knows_ends_the_worker(bench: Bench) -> None:
    """It is not swallowed: nothing is told, nothing is finished."""
    bench.arrives(1, offset=0)
    bench.encoded(bench.pictured[0])
    bench.shelf.trouble = [RuntimeError("what is this?")]
    with pytest.raises(RuntimeError):
        bench.writer.step()
    assert (bench.told.outcomes, bench.mark.committable) == ([], 0)


def test_the_guard_is_asked_again_right_before_the_write(bench: Bench) -> None:
    """A newer event overtook the picture in the encoder: the older is not written over it."""
    bench.arrives(1, offset=0)
    older = bench.pictured[0]
    bench.arrives(2, offset=1, status="sold_out")
    bench.writer.step()
    assert bench.shelf.graves["m1"]["version"] == 2
    bench.fold.add([older])  # as if it came again, from the time before
    bench.encoded(older)
    bench.writer.step()
    assert "m1" not in bench.shelf.rows
    assert (1, "removed") in bench.told.outcomes
    assert (0, "superseded") in bench.told.outcomes


def test_a_bad_winner_gives_way_to_what_it_folded_away(bench: Bench) -> None:
    """The older event stays in hand until the newer is written; it is not, so the older is."""
    bench.arrives(1, offset=0)
    bench.arrives(2, offset=1, image_urls=["file:///bad"])
    older = bench.pictured[0]
    bench.encoded(older)
    bench.writer.step()
    bench.settle_all()
    assert bench.shelf.rows["m1"]["version"] == 1
    newer = bench.pictured[-1]
    assert newer.event.version == 2
    bench.settler.dead_letter(newer, BadMessage("image-missing", "404"))
    bench.settle_all()
    assert bench.shelf.rows["m1"]["version"] == 1
    assert bench.told.letters == [1]
    assert bench.mark.committable == 2


def test_folded_away_is_not_forgotten(bench: Bench) -> None:
    """Both come in one batch, and only the newer is looked at; it is bad, and the older has its turn."""
    for version, offset in ((1, 0), (2, 1)):
        bench.queues.inbox.put(change("m1", version, offset, watermark=bench.mark).received)
    bench.planner.step()
    [newer] = bench.pictured
    assert newer.event.version == 2
    bench.settler.dead_letter(newer, BadMessage("image-missing", "404"))
    bench.planner.step()
    older = bench.pictured[-1]
    assert older.event.version == 1
    bench.encoded(older)
    bench.writer.step()
    assert bench.shelf.rows["m1"]["version"] == 1
    assert (bench.told.outcomes, bench.told.letters, bench.mark.committable) == ([(0, "indexed")], [1], 2)


def test_nothing_is_written_without_the_lease(bench: Bench) -> None:
    """Its partition may be another worker's: it waits, and when the partition is gone, it lets go."""
    bench.arrives(1, offset=0)
    bench.encoded(bench.pictured[0])
    bench.lease.lose()
    held: list[bool] = []
    require = bench.lease.require

    def lost_then_gone() -> None:
        held.append(bench.lease.held)
        if len(held) == 3:
            bench.mark.release()
            bench.lease.renew(float("inf"))
        require()

    bench.lease.require = lost_then_gone  # type: ignore[method-assign]
    bench.writer.step()
    assert held[:2] == [False, False]
    assert (bench.shelf.rows, bench.told.outcomes) == ({}, [])


@pytest.mark.parametrize(("kind", "value"), [("listing", "m1"), ("image", PICTURE)])
def test_what_is_taken_down_on_the_way_is_not_written(bench: Bench, kind: Kind, value: str) -> None:
    """Its picture was fetched and encoded when the takedown came: it is buried at its order, and its end is told."""
    bench.arrives(1, offset=0)
    bench.knows.hide(kind, value)
    bench.encoded(bench.pictured[0])
    bench.settle_all()
    assert bench.shelf.rows == {}
    assert (bench.shelf.graves["m1"]["status"], bench.shelf.graves["m1"]["version"]) == ("taken_down", 1)
    assert bench.told.outcomes == [(0, "removed")]
    assert bench.mark.committable == 1


def test_what_is_erased_on_the_way_leaves_nothing(bench: Bench) -> None:
    """Not even a word: the events are finished, also those that it had folded away; a newer one is a new listing."""
    bench.arrives(1, offset=0)
    bench.encoded(bench.pictured[0])
    bench.settle_all()
    bench.told.outcomes.clear()
    bench.arrives(2, offset=1, image_urls=["file:///b"])
    bench.arrives(3, offset=2, image_urls=["file:///c"])
    bench.knows.hide("erased", HASH_KEY.of("m1"), version=3, key_id=HASH_KEY.key_id)
    bench.encoded(bench.pictured[1])
    bench.settle_all()
    assert (bench.shelf.rows, bench.shelf.graves, bench.told.outcomes, bench.told.letters) == ({}, {}, [], [])
    assert bench.mark.committable == 3
    bench.arrives(4, offset=3)
    bench.encoded(bench.pictured[-1])
    bench.settle_all()
    assert bench.shelf.rows["m1"]["version"] == 4
    assert bench.told.outcomes == [(3, "indexed")]
