"""`lookalike triggers`: what it shows, a request by hand, and the kill switch."""

import pytest
from confluent_kafka import KafkaException

from awaiting import eventually
from program import document, failed, run
from streams.settings import Settings
from streams.topics import create
from workers.decision.retrain_policy import FILE, STOP, folder
from workers.decision.retrain_requests import read_requests


@pytest.fixture(scope="module")
def market(stack: Settings) -> Settings:
    """Topics of its own, and nobody who looks."""
    settings = stack.model_copy(update={"prefix": "triggers_"})
    create(settings)
    eventually(lambda: _readable(settings), "the new topic has a leader")
    return settings


def _readable(settings: Settings) -> bool:
    try:
        return list(read_requests(settings)) == []
    except KafkaException:
        return False


def test_a_request_by_hand(market: Settings) -> None:
    """Tried dry first; then once; then it is in flight, exit 1, and the page says which rule holds it back."""
    told = document(run(market, "triggers", "--json"))
    assert (told["outcome"]["kind"], told["at"]) == ("quiet", None)
    assert "worker evaluate" in told["outcome"]["says"]
    dry = document(run(market, "triggers", "--request", "a new season", "--dry-run", "--json"))
    assert dry["outcome"]["kind"] == "request"
    assert list(read_requests(market)) == []
    made = document(run(market, "triggers", "--request", "a new season", "--json"))
    (record,) = read_requests(market)
    assert (record.decision_id, record.trigger, record.why) == (made["decision_id"], "hand", "a new season")
    again = run(market, "triggers", "--request", "once more")
    assert again.returncode == 1
    assert f"one in flight: {record.decision_id}" in again.stdout
    assert len(list(read_requests(market))) == 1
    assert "one in flight" in run(market, "triggers").stdout


def test_the_kill_switch(market: Settings) -> None:
    """A file is enough; the page names it."""
    stop = folder(market) / STOP
    stop.parent.mkdir(parents=True, exist_ok=True)
    stop.touch()
    try:
        told = document(run(market, "triggers", "--request", "now", "--json"), 1)
        assert told["outcome"]["blocks"][0].startswith("kill switch")
        assert str(stop) in run(market, "triggers").stdout
    finally:
        stop.unlink()


def test_rules_that_can_not_be_read(market: Settings) -> None:
    """Exit 2, and the line names the field."""
    file = folder(market) / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"monthly_budgett": 3}')
    try:
        assert "monthly_budgett" in failed(run(market, "triggers"), 2)
    finally:
        file.unlink()
    assert "--request" in failed(run(market, "triggers", "--request", " "), 2)
