"""What outsiders and machines with a wrong clock write: readers of figures and decisions don't stop, nor believe it."""

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from interactions import send, session
from program import document, run
from raw_producer import BAD, Raw, send_raw
from recording import Recording
from streams.reports import last_report
from streams.topics import INTERACTION_DEAD_LETTER, INTERACTIONS, REPORTS, RETRAIN
from workers.decision.retrain_requests import read_requests

NEVER, FIRST = "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"
ODD = (
    None,
    b"",
    b"\xff",
    b"[" * 5_000,
    b"9" * 5_000,
    b"[]",
    b'{"at": "x"}',
    b'"\\ud800"',
    b'{"at": 1e400}',
    json.dumps({"at": NEVER, "total": {}, "days": [], "since": FIRST, "until": NEVER}).encode(),
)
MANY = tuple((b"h%d" % number, None) for number in range(10_000))
COMMANDS = (
    ("worker", "record", "--once"),
    ("worker", "evaluate", "--once"),
    ("evaluate",),
    ("triggers",),
    ("fill-holes",),
    ("dead-letters", "list"),
)


def all_go_on(recording: Recording) -> None:
    """Each command ends well."""
    for command in COMMANDS:
        ended = run(recording.settings, *command)
        assert ended.returncode == 0, (command, ended.stderr)


def test_what_others_write_to_our_topics(recording: Recording) -> None:
    """Headers, keys, values and times that no reader expects, in each topic of figures and decisions; the figures are
    those from before, and a request of the year 9999 is one of the day on which it was written."""
    send(recording.settings, session("a"))
    all_go_on(recording)
    before = last_report(recording.settings)
    assert before is not None
    hand = {"at": NEVER, "trigger": "hand", "model": "m@1", "why": "\u202e\u001b[31m"}
    requests = [json.dumps(hand | {"decision_id": f"{number:016x}"}).encode() for number in range(3)]
    report = json.loads(before.model_dump_json()) | {"at": NEVER, "model": "other@1"}
    odd = [
        Raw(topic, key, value, (BAD, (b"source-offset", b"x")))
        for topic in (REPORTS, RETRAIN, INTERACTION_DEAD_LETTER, INTERACTIONS)
        for value in ODD
        for key in (b"", b"\xff")
    ]
    send_raw(
        recording.settings,
        [
            *odd,
            *(Raw(RETRAIN, b"k", each, (BAD,)) for each in requests),
            Raw(REPORTS, b"other@1", json.dumps(report).encode(), (BAD,)),
            *(
                Raw(INTERACTIONS, b"k", json.dumps(session(f"t{number}")[0]).encode(), MANY, timestamp)
                for number, timestamp in enumerate((-1, 0, -(2**62)))
            ),
        ],
    )
    all_go_on(recording)
    now = datetime.now(UTC)
    assert [now - each.at < timedelta(minutes=5) for each in read_requests(recording.settings)] == [True] * 3
    send(recording.settings, session("b"))
    all_go_on(recording)
    last = last_report(recording.settings)
    assert last is not None
    assert last.model == before.model
    assert last.at > before.at
    assert recording.is_the_log()


def test_days_that_were_recorded_wrongly(recording: Recording) -> None:
    """Files of the first and the last day that a date has, as an earlier release wrote them: they are named, and move
    no window."""
    send(recording.settings, session("a"))
    all_go_on(recording)
    window = figures(recording)
    [path, *_] = sorted(recording.folder.glob("day=*/*"))
    for number, wrong in enumerate((date(1, 1, 1), date(2099, 1, 1), date(9999, 12, 31))):
        at = datetime(wrong.year, wrong.month, wrong.day, tzinfo=UTC)
        folder = recording.folder / f"day={wrong.isoformat()}"
        folder.mkdir()
        name = f"{recording.topic}-11-{number * 200}-{number * 200 + 199}.parquet"
        shutil.copy(path, folder / name)
        row = pl.read_parquet(path).head(1)
        rows = pl.concat([row] * 200).with_columns(
            pl.lit(at).dt.cast_time_unit("us").alias("at"),
            pl.lit(11).cast(row.schema["partition"]).alias("partition"),
            pl.int_range(number * 200, number * 200 + 200).cast(row.schema["offset"]).alias("offset"),
        )
        rows.write_parquet(folder / name)
    said = run(recording.settings, "evaluate").stderr
    assert "0001-01-01, 2099-01-01, 9999-12-31" in said, said
    assert figures(recording) == window
    for command in COMMANDS[1:4]:
        ended = run(recording.settings, *command)
        assert ended.returncode == 0, (command, ended.stderr)


def figures(recording: Recording) -> Any:
    """The days and totals of an evaluation."""
    told = document(run(recording.settings, "evaluate", "--json"))
    return {name: told[name] for name in ("since", "until", "total")}
