"""What is published is what the schemas say, and the very same as in the files."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.interaction import Shelf, interaction
from schemas.listing import ListingEvent
from workers.interactions.scan import scan
from workers.simulate.disturbances import calendar
from workers.simulate.ids import Names
from workers.simulate.market import Market, Setup
from workers.simulate.parquet import write_parquet
from workers.simulate.pictures import read_pictures
from workers.simulate.run import Pace, Run
from workers.simulate.serialise import Interactions, Record, listing_events
from workers.simulate.truth import Truth

DAYS = 3


def _market() -> Market:
    return Market(
        Setup(calendar("all", moved={"bots": 1}), days=DAYS, shelves_per_day=200, listings=800), read_pictures()
    )


@pytest.fixture(scope="module")
def published() -> tuple[list[Record], list[tuple[int, ListingEvent]]]:
    """Every record of three days."""
    market = _market()
    names = Names(market)
    writer = Interactions(market, names)
    interactions: list[Record] = []
    listings: list[tuple[int, ListingEvent]] = []
    for trace in market.hours():
        interactions += writer.of(trace.hour)
        listings += listing_events(trace.hour, market, names)
    return interactions, listings


def test_each_is_an_interaction(published: tuple[list[Record], list[tuple[int, ListingEvent]]]) -> None:
    """By the schema, to the last field, under the key of its shelf, at its time, and of every kind."""
    kinds = set()
    times = [at for at, _, _ in published[0]]
    assert times == sorted(times)
    for at, key, value in published[0]:
        event = interaction(value)
        kinds.add(type(event).__name__)
        assert event.request_id == key
        assert int(event.at.timestamp() * 1e6) == pytest.approx(at, abs=1)
        assert set(json.loads(value)) <= set(type(event).model_fields)
        if isinstance(event, Shelf):
            assert len(event.items) == 10
            assert all((item.propensity is None) == (event.drawn == "no") for item in event.items)
            assert all((item.team is None) == (event.drawn != "interleave") for item in event.items)
            assert (event.anchor is None) == (event.drawn != "interleave")
    assert kinds == {"Shelf", "Seen", "Click", "Like", "Purchase", "Cancel"}


def test_the_files_say_the_same(published: tuple[list[Record], list[tuple[int, ListingEvent]]], tmp_path: Path) -> None:
    """Field by field, in the same order."""
    held = calendar("all", moved={"bots": 1})
    write_parquet(tmp_path, held, days=DAYS, shelves_per_day=200, listings=800)
    rows = scan(tmp_path).sort("offset").collect().to_dicts()
    assert len(rows) == len(published[0])
    for row, (_, _, value) in zip(rows, published[0], strict=True):
        assert _said(row) == _said(json.loads(value))


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    """What is there, times as times; where it lies in Kafka, and what is usual, left out."""
    at = fields["at"]
    kept = {name: value for name, value in fields.items() if name not in ("recorded_at", "partition", "offset", "at")}
    kept["items"] = [
        {name: value for name, value in item.items() if value is not None} for item in fields.get("items") or []
    ]
    kept.pop("query_kind", None)
    whole = {name: value for name, value in kept.items() if value not in (None, [])}
    return whole | {"at": at if isinstance(at, datetime) else datetime.fromisoformat(at)}


def test_listings_come_and_go(published: tuple[list[Record], list[tuple[int, ListingEvent]]]) -> None:
    """Created once, before all else; sold or removed once; versions grow; sold ones are those that were bought."""
    state: dict[str, tuple[str, int]] = {}
    for at, event in published[1]:
        before = state.get(event.listing_id)
        assert (event.event == "listing-created") == (before is None)
        assert before is None or (before[0] == "on_sale" and before[1] < event.version)
        assert event.version == at == event.updated_at
        state[event.listing_id] = (event.status, event.version)
    bought = {json.loads(value)["listing_id"] for _, _, value in published[0] if b'"event":"purchase"' in value}
    assert bought == {name for name, (status, _) in state.items() if status == "sold_out"}
    assert sum(status == "removed" for status, _ in state.values()) > 0


def test_a_truth_is_told() -> None:
    """Days, models, dates and bots are in it; who is live is better than the anchor to begin with."""
    market = _market()
    known = Truth(market)
    run = Run(market, Names(market), Pace(), known)
    shown: list[int] = []
    run.through(lambda shelves, _day: shown.append(shelves))
    truth = known.document(Names(market))
    assert len(truth["by_day"]) == DAYS
    assert sum(day["shelves"] for day in truth["by_day"]) == shown[-1] == run.counts.of("shelf")
    assert truth["retraining_is_right"]
    assert {each["name"]: each["should_be_found"] for each in truth["scenario"]}["release"] == "release"
    assert truth["by_day"][1]["bot_shelves"] > 0 == truth["by_day"][0]["bot_shelves"]
    first = truth["by_day"][0]["models"]
    assert first["best_dcg@5"] > first["live_dcg@5"] > 0
    assert json.loads(json.dumps(truth)) == truth
