"""The evaluator on real topics: what it reports, how it restates, what it closes, and that it decides once."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from awaiting import eventually
from interactions import action, send, session, shelf
from program import command, document, failed, run
from recording import Recording
from schemas.evaluation_report import Report
from streams.clients import admin
from streams.lag import committed_offsets, lag
from streams.reports import last_report
from streams.topic_reader import partitions
from streams.topics import INTERACTIONS
from workers.decision.decision_round import last_result, last_signals
from workers.decision.evidence_store import Day, Store
from workers.decision.evidence_units import DCG, NDCG
from workers.decision.retrain_policy import folder as decide_folder
from workers.decision.retrain_requests import read_requests
from workers.evaluation.day_statistics import folder_stats
from workers.evaluation.reader import Days
from workers.evaluation.shelves import USUAL
from workers.evaluator.completeness import complete_until
from workers.local.environment import child_environment
from workers.reports.build import Clock, build
from workers.simulate.disturbances import calendar
from workers.simulate.parquet import write_parquet

FIRST = date(2026, 9, 1)


def once(recording: Recording) -> None:
    """One round."""
    ended = run(recording.settings, "worker", "evaluate", "--once", PYTHONFAULTHANDLER="1")
    assert ended.returncode == 0, ended.stderr


@contextmanager
def evaluator(recording: Recording) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running evaluator, and the address of its health."""
    ready = recording.settings.data / "evaluate.ready"
    ready.unlink(missing_ok=True)
    arguments = ("worker", "evaluate", "--every", "1", "--metrics-port", "0", "--ready-file", str(ready))
    said = recording.settings.data / "evaluate.log"
    with said.open("w") as log:
        process = subprocess.Popen(
            command(*arguments), env=child_environment(recording.settings), stderr=log, text=True
        )
    try:
        eventually(lambda: ready.exists() or process.poll() is not None, "the evaluator is ready", seconds=60)
        yield process, json.loads(ready.read_text())["health"]
    finally:
        process.kill()
        process.wait(20)
        sys.stdout.write(said.read_text())


def recomputed(report: Report, folder: Path) -> Report:
    """The report of the same days, worked out anew from the files in one go."""
    by_day = list(folder_stats(Days.of(folder, report.since, report.until)))
    return build(by_day, Clock(report.at, report.at), model=report.model)


def test_new_records_change_the_figures_within_a_minute(recording: Recording) -> None:
    """Recorded, reported, and equal to a recomputation; a click that comes later restates them; health and metrics."""
    send(recording.settings, session("a", drawn="no"))
    recording.once()
    with evaluator(recording) as (process, health):
        eventually(lambda: last_report(recording.settings) is not None, "a report", seconds=60)
        first = last_report(recording.settings)
        assert first is not None
        assert first.total == recomputed(first, recording.folder).total
        send(recording.settings, [*session("b", drawn="no"), *session("c", drawn="no"), action("like", "a")])
        recording.once()
        eventually(lambda: last_report(recording.settings) != first, "it is restated", seconds=60)
        eventually(lambda: _lag(recording) == 0, "the group says that all is in the figures", seconds=60)
        second = last_report(recording.settings)
        assert second is not None
        assert second.total == recomputed(second, recording.folder).total
        with urllib.request.urlopen(health) as page:
            assert json.loads(page.read())["state"] == "running"
        with urllib.request.urlopen(health.replace("/health", "/metrics")) as page:
            assert b"lookalike_evaluate_reports_total" in page.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def _lag(recording: Recording) -> int:
    return sum(each.lag for each in lag(recording.settings, [recording.settings.named("lookalike-evaluate")]))


def test_what_is_committed_is_in_the_figures(recording: Recording) -> None:
    """Records that are not in a file yet are lag of the evaluator's group; after the round they are not."""
    send(recording.settings, session("a"))
    recording.once()
    once(recording)
    assert _lag(recording) == 0
    send(recording.settings, session("b"))
    once(recording)
    assert _lag(recording) == len(session("b"))
    group = recording.settings.named("lookalike-evaluate")
    places = partitions(admin(recording.settings), recording.settings, [INTERACTIONS])
    kept = committed_offsets(recording.settings, group, places)
    assert sum(kept.values()) == len(session("a"))


def test_one_at_a_time(recording: Recording) -> None:
    """A second evaluator of the same folder is refused; killed with -9, the first one's place is free at once."""
    send(recording.settings, session("a"))
    recording.once()
    with evaluator(recording) as (process, _):
        assert "another evaluator" in failed(run(recording.settings, "worker", "evaluate", "--once"), 1)
        process.kill()
        process.wait(10)
        once(recording)


def test_nothing_recorded_yet(recording: Recording) -> None:
    """No figure, no report, no error."""
    once(recording)
    assert last_report(recording.settings) is None


def test_rules_that_cannot_be_read(recording: Recording) -> None:
    """It ends with the file and what is wrong with it: a rule that was meant must not be passed over."""
    send(recording.settings, session("a"))
    recording.once()
    decide_folder(recording.settings).mkdir(parents=True)
    (decide_folder(recording.settings) / "rules.json").write_text('{"least_efect": 0.1}')
    assert "least_efect" in failed(run(recording.settings, "worker", "evaluate", "--once"), 2)


def test_a_partition_that_is_behind_holds_days_open(recording: Recording) -> None:
    """Until its records of that time are recorded, no later time is whole; read to its end, it holds nothing up."""
    now = datetime(2027, 1, 1, tzinfo=UTC)
    old, young = datetime(2026, 9, 1, 10, tzinfo=UTC), datetime(2026, 9, 20, 10, tzinfo=UTC)
    send(recording.settings, [shelf(f"old-{number}", at=old) for number in range(300)])
    recording.once()
    assert complete_until(recording.settings, recording.folder, now) == old
    send(recording.settings, [shelf(f"young-{number}", at=young) for number in range(300)])
    assert complete_until(recording.settings, recording.folder, now) == old
    recording.once()
    assert complete_until(recording.settings, recording.folder, now) == young
    assert complete_until(recording.settings, recording.folder, old) == old  # never later than it is


def test_a_model_that_decays_is_replaced_once(recording: Recording) -> None:
    """Interleaved with its anchor it falls behind: found, tried against the other causes, requested once.

    Another evaluator over the same files, and one that lost its memory, request nothing more.
    """
    held = calendar("decay", moved={"decay": 12}, resized={"decay": 0.6})
    write_parquet(recording.folder, held, days=26, shelves_per_day=400, listings=500, interleaved=0.5)
    place = decide_folder(recording.settings)
    place.mkdir(parents=True)
    # There is no index here whose lag and recall could be asked.
    (place / "rules.json").write_text('{"settle_days": 1, "reference_days": 7, "tolerate": ["index", "recall"]}')
    once(recording)
    with Store(place) as store:
        told = last_result(store)
    assert told is not None
    assert told.model is not None
    log = list(read_requests(recording.settings))
    assert len(log) == 1, told
    [found] = log
    assert (found.trigger, found.source) == ("model", "concurrent")
    assert found.since is not None
    assert abs((found.since - (FIRST + timedelta(days=12))).days) <= 3
    assert {each.cause: each.verdict for each in found.causes}["model"] == "found"
    for _ in range(2):
        once(recording)
        assert [each.decision_id for each in read_requests(recording.settings)] == [found.decision_id]
    shown = document(run(recording.settings, "triggers", "--json"))
    assert shown["outcome"]["kind"] != "request"
    for path in place.glob("evidence.sqlite*"):
        path.unlink()
    once(recording)
    assert [each.decision_id for each in read_requests(recording.settings)] == [found.decision_id]


def test_closed_days_stay_as_they_were(recording: Recording) -> None:
    """A record that comes after its day was closed changes the figures, and no evidence."""
    write_parquet(recording.folder, "calm", days=8, shelves_per_day=300, listings=500)
    path = next((recording.folder / "day=2026-09-02").iterdir())
    rows = pl.read_parquet(path)
    clicks = rows.filter(pl.col("event") == "click")
    path.unlink()
    rows.join(clicks.select("event_id"), on="event_id", how="anti").write_parquet(path)
    once(recording)
    before = _evidence(recording)
    assert before
    first = last_report(recording.settings)
    clicks.write_parquet(path.with_name("interactions-1-0-999.parquet"))
    once(recording)
    second = last_report(recording.settings)
    assert first is not None
    assert second is not None
    assert second.total["CTR"] != first.total["CTR"]
    assert second.total == recomputed(second, recording.folder).total
    assert _evidence(recording) == before
    assert USUAL.longest.days > 20  # the day is still open in the figures


def test_earlier_years_tell_the_season(recording: Recording) -> None:
    """Closed days of 52 weeks ago are what a look holds these days against; they were lower by three tenths then."""
    place = decide_folder(recording.settings)
    with Store(place) as store:
        for number in range(18):
            values = np.random.default_rng(number).normal(0.35 if number >= 8 else 0.5, 0.02, (200, 2))
            when = FIRST - timedelta(weeks=52) + timedelta(days=number)
            codes = np.zeros(200, np.int32)
            store.close_day(
                Day("observed", "older@1", "", when, (NDCG, DCG), ("bags",), codes, values), datetime.now(UTC)
            )
    (place / "rules.json").write_text('{"settle_days": 1, "reference_days": 7}')
    write_parquet(recording.folder, "calm", days=20, shelves_per_day=200, listings=500)
    once(recording)
    with Store(place) as store:
        season = last_signals(store).season
    assert season is not None
    assert season.expected == pytest.approx(0.3, abs=0.02)
    assert season.error < 0.05


def _evidence(recording: Recording) -> dict[date, bytes]:
    with Store(decide_folder(recording.settings)) as store:
        model = pl.read_parquet(next((recording.folder / "day=2026-09-01").iterdir()))["model"].drop_nulls()[0]
        return {day.day: day.values.tobytes() for day in store.days("observed", model)}
