"""A simulated market as the files that the recorder would have written: for tests and benchmarks, without Kafka."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from schemas.interaction import Team
from workers.interactions.layout import file_name
from workers.interactions.schema import COLUMNS, INSTANT, ITEM
from workers.simulate.disturbances import Calendar, calendar
from workers.simulate.draws import Ints
from workers.simulate.examination_model import WIDTH
from workers.simulate.ids import APPS, DRAWN_NAMES, LAYOUT_NAMES, POLICY, SURFACES, VARIANTS, Names
from workers.simulate.market import Market, Setup
from workers.simulate.order import INTERLEAVE
from workers.simulate.pictures import read_pictures
from workers.simulate.shelf import EVENTS, SEEN, Actions, Hour, Shelves, together

_TOPIC = "interactions"
_PLACED = ("recorded_at", "partition", "offset")
_SAID = [name for name in COLUMNS.names if name not in _PLACED]


def write_parquet(
    folder: Path,
    scenario: str | Calendar = "calm",
    days: int = 7,
    shelves_per_day: int = 2_000,
    seed: int = 1,
    **setup: Any,
) -> Market:
    """Write `days` of a market below `folder` (the folder of interactions itself), one file a day, one partition.

    The same arguments write the same records. `setup` is what else `market.Setup` has. Returns the market, whose parts
    know the truth. 10,000 shelves take some two seconds.
    """
    held = scenario if isinstance(scenario, Calendar) else calendar(scenario)
    made = Setup(held, seed=seed, days=days, shelves_per_day=shelves_per_day, **setup)
    market = Market(made, read_pictures())
    names, offset, hours = Names(market), 0, (trace.hour for trace in market.hours())
    for day in range(days):
        table = as_table(list(islice(hours, 24)), market, names, offset)
        if table.num_rows:
            date = datetime.fromtimestamp(made.midnight / 1e6 + day * 86_400, UTC).date()
            path = folder / f"day={date}" / file_name(_TOPIC, 0, offset, offset + table.num_rows - 1)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path, compression="zstd")
        offset += table.num_rows
    return market


def as_table(hours: Sequence[Hour], market: Market, names: Names, offset: int = 0) -> Any:
    """The records of some hours in the order of their times, as a table of the recorder's columns.

    They lie in partition 0 from `offset` on, each recorded at its own time.
    """
    actions = together(*(hour.actions for hour in hours))
    shelves = [hour.shelves for hour in hours]
    at = np.concatenate([*(each.at for each in shelves), actions.at])
    number = np.concatenate([*(each.number for each in shelves), actions.shelf])
    kind = np.concatenate([np.zeros(len(at) - len(actions), np.int64), actions.kind])
    place = np.concatenate([np.zeros(len(at) - len(actions), np.int64), actions.place])
    table = pa.concat_tables([*(_shelves(each, market, names) for each in shelves), _actions(actions, names)])
    table = table.take(pa.array(np.lexsort((place, kind, number, at))))
    count = table.num_rows
    told = {
        "recorded_at": table["at"],
        "partition": pa.array(np.zeros(count, np.int32)),
        "offset": pa.array(offset + np.arange(count)),
    }
    return pa.table({**{name: table[name] for name in table.column_names}, **told}).select(COLUMNS.names).cast(COLUMNS)


def _shelves(shelves: Shelves, market: Market, names: Names) -> Any:
    listings, users, stock = names.listings, names.users, market.stock.all
    count = len(shelves.at)
    category = stock.category[shelves.query]
    texts = {
        "event": pa.array([EVENTS[0]] * count, pa.string()),
        "request_id": pa.array([names.request(number) for number in shelves.number.tolist()], pa.string()),
        "query": _word(listings, shelves.query),
        "query_kind": pa.array(["listing"] * count, pa.string()),
        "category": _word(names.categories, category),
        "seller_id": pa.array([names.seller(each) for each in stock.seller[shelves.query].tolist()], pa.string()),
        "model": pa.array([names.live] * count, pa.string()),
        "anchor": _word((None, names.anchor), (shelves.drawn == INTERLEAVE).astype(np.int64)),
        "policy": pa.array([POLICY] * count, pa.string()),
        "drawn": _word(DRAWN_NAMES, shelves.drawn),
        "variant": _word(VARIANTS, market.people.arm[shelves.user]),
        "user": _word(users, shelves.user),
        "session": pa.array(names.sessions(shelves.user, shelves.at), pa.string()),
        "surface": _word(SURFACES, shelves.surface),
        "layout": _word(LAYOUT_NAMES, shelves.layout),
        "app_version": _word(APPS, shelves.app),
    }
    flat = shelves.listing.ravel()
    team = np.where(shelves.anchors.ravel(), 2, 1) * (shelves.drawn == INTERLEAVE).repeat(WIDTH)
    propensity = shelves.propensity.ravel()
    item = [
        _word(listings, flat),
        pa.array(np.tile(np.arange(1, WIDTH + 1, dtype=np.int32), count)),
        pa.array(shelves.score.ravel()),
        pa.array(propensity, mask=np.isnan(propensity)),
        _word((None, *get_args(Team)), team),
        _word(names.categories, stock.category[flat]),
        pa.array([names.seller(each) for each in stock.seller[flat].tolist()], pa.string()),
        pa.array(["on_sale"] * len(flat), pa.string()),
        pa.array(stock.listed_at[flat]),
    ]
    items = pa.ListArray.from_arrays(
        pa.array(np.arange(count + 1, dtype=np.int32) * WIDTH),
        pa.StructArray.from_arrays(item, fields=list(ITEM)),
    )
    nothing = pa.nulls(count, pa.string())
    return pa.table(
        {
            **texts,
            "at": pa.array(shelves.at, INSTANT),
            "items": items,
            "event_id": nothing,
            "listing_id": nothing,
            "positions": pa.nulls(count, pa.list_(pa.int32())),
        }
    ).select(_SAID)


def _actions(actions: Actions, names: Names) -> Any:
    count, seen = len(actions), actions.kind == SEEN
    visible = np.where(seen, actions.place, 0)
    ends = np.concatenate([[0], np.cumsum(visible)]).astype(np.int32)
    positions = (np.arange(ends[-1]) - ends[:-1].repeat(visible) + 1).astype(np.int32)
    columns = {
        "event": _word(EVENTS, actions.kind.astype(np.int64)),
        "request_id": pa.array([names.request(number) for number in actions.shelf.tolist()], pa.string()),
        "event_id": pa.array(names.events(actions), pa.string()),
        "at": pa.array(actions.at, INSTANT),
        "listing_id": pc.if_else(pa.array(seen), pa.scalar(None, pa.string()), _word(names.listings, actions.listing)),
        "positions": pa.ListArray.from_arrays(pa.array(ends), pa.array(positions), mask=pa.array(~seen)),
    }
    nulls = {name: pa.nulls(count, COLUMNS.field(name).type) for name in _SAID if name not in columns}
    return pa.table(columns | nulls).select(_SAID)


def _word(words: Sequence[str | None], codes: Ints) -> Any:
    """A column of words by their numbers."""
    return pa.array(words, pa.string()).take(pa.array(codes))
