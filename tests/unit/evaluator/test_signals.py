"""The signals around an alarm: each diagnostic by itself, and none of them ends the round."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.errors import ServiceUnavailable
from streams.settings import Settings
from workers.decision.alarms import Reading
from workers.decision.evidence_store import Day, Store
from workers.decision.evidence_units import DCG, NDCG
from workers.decision.retrain_policy import RetrainPolicy
from workers.decision.root_causes import examine_causes
from workers.decision.signals import Signals
from workers.evaluator.alarm_context import SignalCollector
from workers.evaluator.index_quality import IndexQuality
from workers.evaluator.live_model import LiveModel
from workers.simulate.parquet import write_parquet

FIRST, DAYS = date(2026, 9, 1), 8
POLICY = RetrainPolicy.model_validate({"settle_days": 0})
ALARM = Reading("observed", DCG, "m", alarm=FIRST + timedelta(6), since=FIRST + timedelta(4), drop=0.1)


class FakeKafka:
    """What the broker says; or it fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def _answer(self, value: float) -> Any:
        if self.error is not None:
            raise self.error
        return value

    def recorder_lag(self) -> int:
        """Nothing waits."""
        return int(self._answer(0))

    def index_lag_seconds(self) -> float:
        """Nor here."""
        return float(self._answer(1.0))

    def refused_share(self, _since: datetime) -> float:
        """Nothing was refused."""
        return float(self._answer(0.0))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Some days of a market, and the name of its live model."""
    folder = tmp_path_factory.mktemp("recorded")
    write_parquet(folder, "calm", days=DAYS, shelves_per_day=60, listings=300)
    from workers.evaluator.live_model import find_live_model

    found = find_live_model(folder, FIRST, FIRST + timedelta(DAYS))
    assert found is not None
    return folder, found.model


@pytest.fixture
def store(tmp_path: Path, recorded: tuple[Path, str]) -> Iterator[Store]:
    """The same days, closed."""
    with Store(tmp_path) as made:
        for number in range(DAYS):
            day = FIRST + timedelta(number)
            values = np.full((3, 2), 0.5)
            made.close_day(
                Day("observed", recorded[1], "", day, (NDCG, DCG), ("bags",), np.zeros(3, np.int32), values),
                datetime(2026, 10, 1),  # noqa: DTZ001 - the store turns it into UTC
            )
        yield made


def collect(store: Store, folder: Path, model: str, kafka: FakeKafka, **quality: Any) -> Signals:
    """The signals of an alarm."""
    live = LiveModel(model, FIRST, None)
    monitor = lambda _since: IndexQuality(**quality)  # noqa: E731
    return SignalCollector(Settings(), folder, store, POLICY, live, kafka, monitor)(ALARM)  # type: ignore[arg-type]


def verdicts(signals: Signals) -> dict[str, tuple[str, str]]:
    """By cause, its verdict and message."""
    return {each.cause: (each.verdict, each.message) for each in examine_causes(ALARM, signals, frozenset())}


ERRORS = [
    KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN)),
    ServiceUnavailable("Kafka can't be reached"),
    KeyError("partition 3"),
    ValueError("nothing to compare"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_broker_that_fails(store: Store, recorded: tuple[Path, str], error: Exception) -> None:
    """What it says is not known and named; what shelves say is measured."""
    signals = collect(store, *recorded, FakeKafka(error))
    assert set(signals.unknown) == {"index_lag", "recorder_lag", "refused_records"}
    assert signals.recording is not None
    assert signals.recording.joined is not None
    found = verdicts(signals)
    for cause, diagnostic in (("recording", "refused_records"), ("index", "index_lag")):
        assert found[cause][0] == "not known"
        assert f"{diagnostic}: " in found[cause][1]
    assert found["model"][0] != "found"


@pytest.mark.parametrize("function", ["traffic", "releases", "sold_items", "recording"])
def test_a_diagnostic_of_the_shelves_that_fails(
    store: Store, recorded: tuple[Path, str], function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All others are measured."""

    def fail(*_: object, **_named: object) -> None:
        raise IndexError("index 0 is out of bounds for axis 0 with size 0")

    monkeypatch.setattr(f"workers.decision.shelf_signals.{function}", fail)
    signals = collect(store, *recorded, FakeKafka())
    name = {"recording": "volumes"}.get(function, function)
    assert set(signals.unknown) == {name}
    cause = {"releases": "release", "sold_items": "index"}.get(function, function)
    assert verdicts(signals)[cause][0] == "not known"
    assert "IndexError" in verdicts(signals)[cause][1]


def test_shelves_that_can_not_be_read(store: Store, recorded: tuple[Path, str], tmp_path: Path) -> None:
    """Files that were lost after their days were closed: no shelf at all is no proof that nothing is wrong."""
    signals = collect(store, tmp_path / "gone", recorded[1], FakeKafka())
    found = verdicts(signals)
    assert found["recording"][0] == "not known"
    assert found["traffic"][0] == "not known"
    assert found["model"][0] != "found"


def test_nothing_failed(store: Store, recorded: tuple[Path, str]) -> None:
    """And nothing is said to have."""
    signals = collect(store, *recorded, FakeKafka())
    assert signals.unknown == {}
    assert Signals.model_validate_json(signals.model_dump_json()) == signals
