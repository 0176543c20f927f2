"""The one wide table that interactions are recorded in: every kind of event, each with the columns it has."""

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

INSTANT = pa.timestamp("us", tz="UTC")

ITEM = pa.struct(
    [
        ("listing_id", pa.string()),
        ("position", pa.int32()),
        ("score", pa.float64()),
        ("propensity", pa.float64()),
        ("team", pa.string()),
        ("category", pa.string()),
        ("seller_id", pa.string()),
        ("status", pa.string()),
        ("listed_at", pa.int64()),  # microseconds since 1970
    ]
)

SHELF_TEXTS = (
    "query",
    "query_kind",
    "category",
    "seller_id",
    "model",
    "anchor",
    "policy",
    "drawn",
    "variant",
    "user",
    "session",
    "surface",
    "layout",
    "app_version",
)
"""What only shelves say, beside their items."""

COLUMNS = pa.schema(
    [
        ("event", pa.string()),
        ("request_id", pa.string()),
        ("event_id", pa.string()),  # null for shelves
        ("at", INSTANT),
        ("recorded_at", INSTANT),  # the record's own time in Kafka
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("listing_id", pa.string()),  # of click, like, purchase, cancel
        ("positions", pa.list_(pa.int32())),  # of seen
        *((name, pa.string()) for name in SHELF_TEXTS),
        ("items", pa.list_(ITEM)),
    ]
)
"""Texts are plain strings, written with Parquet's dictionary encoding: every reader gets the same type."""
