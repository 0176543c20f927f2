"""Many recorded shelves, written at once as the recorder would have: Parquet files by day."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray

from workers.interactions.schema import COLUMNS

FIRST_DAY = datetime(2026, 9, 1, tzinfo=UTC)
WIDTH = 10
_EXAMINED = 1 / np.arange(1, WIDTH + 1) ** 0.7
_SURFACES, _LAYOUTS = np.array(["listing", "home", "search"]), np.array(["row", "grid"])
_CATEGORIES = np.array([f"{top}/{kind}" for top in range(20) for kind in range(5)])


def write(folder: Path, shelves: int, days: int, users: int, seed: int = 1) -> None:
    """About as many shelves a day, their users very unevenly active, with what was seen, clicked, liked and bought."""
    chance = np.random.default_rng(seed)
    activity = chance.pareto(1.5, users) + 0.1
    offset = 0
    for number in range(days):
        count = shelves // days + (number < shelves % days)
        user = chance.choice(users, count, p=activity / activity.sum())
        tables = _day(chance, FIRST_DAY + timedelta(days=number), user, offset)
        place = folder / f"day={(FIRST_DAY + timedelta(days=number)).date()}"
        place.mkdir(parents=True)
        height = sum(map(len, tables))
        path = place / f"interactions-0-{offset}-{offset + height - 1}.parquet"
        whole = pl.concat([_whole(table) for table in tables]).with_columns(
            partition=pl.lit(0, pl.Int32), offset=pl.int_range(offset, offset + height), recorded_at=pl.col("at")
        )
        pq.write_table(
            whole.select(COLUMNS.names).to_arrow().cast(COLUMNS), path, compression="zstd", row_group_size=100_000
        )
        offset += height


def _day(chance: np.random.Generator, day: datetime, user: NDArray[Any], offset: int) -> list[pl.DataFrame]:
    count = len(user)
    at = int(day.timestamp() * 1e6) + np.sort(chance.integers(0, 86_000_000_000, count))
    request = np.array([f"{number:032x}" for number in chance.integers(0, 1 << 62, count)])
    listing = chance.integers(0, 300_000, (count, WIDTH)) // WIDTH * WIDTH + np.arange(WIDTH)  # no two alike
    drawn = np.where(chance.random(count) < 0.1, "shuffle", "no")
    flat = listing.ravel()
    items = pl.DataFrame(
        {
            "listing_id": pl.Series(flat).cast(pl.String).str.zfill(10),
            "position": np.tile(np.arange(1, WIDTH + 1, dtype=np.int32), count),
            "score": 1 - np.tile(np.arange(WIDTH) / 50, count) - chance.random(len(flat)) / 100,
            "propensity": pl.Series(np.repeat(np.where(drawn == "shuffle", 1 / WIDTH, np.nan), WIDTH)).fill_nan(None),
            "team": pl.Series([None], dtype=pl.String).new_from_index(0, len(flat)),
            "category": _CATEGORIES[flat % len(_CATEGORIES)],
            "seller_id": pl.Series(flat % 40_000).cast(pl.String),
            "status": np.where(flat % 97 == 0, "sold_out", "on_sale"),
            "listed_at": at.repeat(WIDTH) - chance.integers(0, 90 * 86_400_000_000, len(flat)),
        }
    )
    rows = items.select(pl.struct(pl.all()).alias("items"), shelf=np.arange(count).repeat(WIDTH))
    lists = rows.group_by("shelf", maintain_order=True).agg("items")["items"]
    shelf = pl.DataFrame(
        {
            "event": ["shelf"] * count,
            "request_id": request,
            "at": at,
            "category": _CATEGORIES[listing[:, 0] % 100],
            "drawn": drawn,
            "model": ["small@0123456789ab"] * count,
            "policy": ["p1"] * count,
            "variant": np.where(user % 2 == 0, "a", "b"),
            "user": pl.Series(user).cast(pl.String).str.zfill(64),
            "surface": _SURFACES[chance.integers(0, 3, count)],
            "layout": _LAYOUTS[user % 2],
            "items": lists,
        }
    )
    looked = (chance.random((count, WIDTH)) < _EXAMINED) & (chance.random((count, 1)) < 0.8)
    clicked = looked & (chance.random((count, WIDTH)) < 0.05 + 0.1 * (listing % 7 == 0))
    tables = [shelf, _seen(request, at, chance.random(count) < 0.8)]
    for event, share, after in (("click", 1.0, 60), ("like", 0.1, 600), ("purchase", 0.05, 86_400)):
        chosen = np.nonzero(clicked & (chance.random(clicked.shape) < share))
        tables.append(_acts(event, request[chosen[0]], listing[chosen], at[chosen[0]] + after * 1_000_000))
    return tables


def _seen(request: NDArray[Any], at: NDArray[Any], some: NDArray[Any]) -> pl.DataFrame:
    places = pl.Series([list(range(1, WIDTH + 1))], dtype=pl.List(pl.Int32)).new_from_index(0, int(some.sum()))
    table = _acts("seen", request[some], np.zeros(int(some.sum()), int), at[some] + 5_000_000)
    return table.drop("listing_id").with_columns(positions=places)


def _acts(event: str, request: NDArray[Any], listing: NDArray[Any], at: NDArray[Any]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "event": [event] * len(request),
            "request_id": request,
            "at": at,
            "event_id": [f"{event[0]}{mine}-{number}" for number, mine in enumerate(request)],
            "listing_id": pl.Series(listing).cast(pl.String).str.zfill(10),
        },
        schema_overrides={"listing_id": pl.String, "event_id": pl.String},
    )


def _whole(table: pl.DataFrame) -> pl.DataFrame:
    empty = pl.from_arrow(COLUMNS.empty_table())
    assert isinstance(empty, pl.DataFrame)
    filled = pl.concat(
        (empty, table.with_columns(pl.from_epoch("at", "us").dt.replace_time_zone("UTC"))), how="diagonal_relaxed"
    )
    return filled.select(COLUMNS.names)
