"""One decision, one record of `retrain-requested`: whatever step the process dies at, and whoever decides beside it."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from confluent_kafka import KafkaException

from awaiting import eventually
from catalogue import next_prefix
from schemas.retrain_request import RetrainRequested
from streams.settings import Settings
from streams.topics import create
from workers.decision.decision_round import made_requests as decided
from workers.decision.evidence_store import Store
from workers.decision.retrain_requests import read_requests
from workers.local.environment import child_environment

PROGRAM = Path(__file__).with_name("one_look.py")
STEPS = (
    "-write_step",
    "+write_step",
    "-init_transactions",
    "+init_transactions",
    "+begin_transaction",
    "+produce",
    "+flush",
    "-commit_transaction",
    "+commit_transaction",
    "-mark_published",
    "+mark_published",
)


@pytest.fixture
def market(stack: Settings) -> Settings:
    """Topics of its own: what one test requests is in flight for none of the others."""
    settings = stack.model_copy(update={"prefix": next_prefix()})
    create(settings)
    eventually(lambda: _readable(settings), "the new topic has a leader")
    return settings


def _readable(settings: Settings) -> bool:
    try:
        return list(read_requests(settings)) == []
    except KafkaException:
        return False


def start(settings: Settings, folder: Path, model: str, *more: str) -> subprocess.Popen[str]:
    """A look in a process of its own."""
    environment = {**child_environment(settings), "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, str(PROGRAM), str(folder), model, *more]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str], seconds: float = 60.0) -> int:
    """How it ended; what it said of that is shown where the test fails."""
    sys.stderr.write(process.communicate(timeout=seconds)[1])
    return process.returncode


def of(settings: Settings, model: str) -> list[RetrainRequested]:
    """What the log has of a model."""
    return [each for each in read_requests(settings) if each.model == model]


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_every_step(market: Settings, tmp_path: Path, step: str) -> None:
    """SIGKILL, then another look: exactly one record, its id the one that is on the disk; a third look adds none."""
    model = f"m@{uuid.uuid4().hex[:12]}"
    assert ended(start(market, tmp_path, model, step)) == -signal.SIGKILL
    assert len(of(market, model)) <= 1
    for _ in range(2):
        assert ended(start(market, tmp_path, model)) == 0
        (record,) = of(market, model)
    with Store(tmp_path) as store:
        assert [each.decision_id for each in decided(store)] == [record.decision_id]
        assert store.decisions(unpublished=True) == []


def test_a_frozen_process_is_shut_out(market: Settings, tmp_path: Path) -> None:
    """It wakes up in the middle of its transaction, when another machine has decided and published the same."""
    model = f"m@{uuid.uuid4().hex[:12]}"
    frozen = start(market, tmp_path / "one", model, "+produce", "freeze")
    eventually(lambda: _stopped(frozen.pid), "the first is frozen")
    assert ended(start(market, tmp_path / "other", model)) == 0
    assert len(of(market, model)) == 1
    os.kill(frozen.pid, signal.SIGCONT)
    assert ended(frozen) != 0
    assert len(of(market, model)) == 1
    assert ended(start(market, tmp_path / "one", model)) == 0
    assert len(of(market, model)) == 1


def test_two_at_once(market: Settings, tmp_path: Path) -> None:
    """One decides, the other waits and finds it in flight."""
    model = f"m@{uuid.uuid4().hex[:12]}"
    both = [start(market, tmp_path, model) for _ in range(2)]
    assert [ended(each) for each in both] == [0, 0]
    assert len(of(market, model)) == 1


def _stopped(pid: int) -> bool:
    time.sleep(0.05)
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
