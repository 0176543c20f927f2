"""When a process that lives is replaced all the same: it does not answer, or says that it is stuck."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from awaiting import eventually
from servers import await_true
from web import Web, respond, web_server
from workers.local import health_probe
from workers.local.health_probe import MISSED, Pulse
from workers.local.ports import free_port
from workers.local.supervised_process import Child, Process

SERVES = """
import http.server, json, pathlib, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'{"state": "running"}')
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
pathlib.Path(sys.argv[1]).write_text(f"http://127.0.0.1:{server.server_address[1]}/health")
server.serve_forever()
"""


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server of the test's own."""
    with web_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten questions a second, each waited for as long."""
    monkeypatch.setattr(health_probe, "ASK_SECONDS", 0.1)


def beats(asked: Pulse, count: int, since: float = 0.0) -> list[str]:
    """What `given_up` says after each of `count` questions, one a second of its clock."""
    said = []
    for number in range(1, count + 1):
        said.append(asked.given_up(since + number))  # asks
        eventually(lambda: asked._asked is None or asked._asked.done(), "an answer")
    return [each for each in said if each]


def test_a_good_answer_forgives(web: Web) -> None:
    """Only bad answers in a row count."""
    answers = iter([503, 503, 503, 200] * 5)
    web.answers["/health"] = lambda request: respond(request, b"stuck", status=next(answers))
    assert beats(Pulse(web.url("/health"), 0.0), 20) == []


def test_it_says_that_it_is_stuck(web: Web) -> None:
    """What it answers becomes the reason."""
    web.serve("/health", b'{"state": "stalled"}', status=503)
    [why] = beats(Pulse(web.url("/health"), 0.0), MISSED + 1)
    assert "answers 503" in why
    assert '"stalled"' in why
    assert f"{MISSED} times in a row" in why


def test_nobody_listens() -> None:
    """A process that lives and has closed its port is as good as stuck."""
    [why] = beats(Pulse(f"http://127.0.0.1:{free_port()}/health", 0.0), MISSED + 1)
    assert "no answer" in why


def test_a_supervisor_that_stood_still_blames_nobody(web: Web) -> None:
    """However much time went by, it was one question that failed: hours are not counted, questions are."""
    web.serve("/health", b"", status=503)
    asked = Pulse(web.url("/health"), 0.0)
    assert beats(asked, MISSED - 1) == []
    web.serve("/health", b"")
    assert beats(asked, MISSED, since=100_000.0) == []


def test_a_stopped_process_is_replaced(tmp_path: Path) -> None:
    """SIGSTOP: it lives, and does nothing. It is killed, the reason is kept, and it is started again."""
    where = tmp_path / "address"
    process = Process(
        "small",
        (sys.executable, "-c", SERVES, str(where)),
        lambda: where.unlink(missing_ok=True),
        where.exists,
        grace=1.0,
        health=where.read_text,
    )
    child, clock = Child(process, {}, tmp_path / "small.log"), iter(range(1_000_000))

    def running() -> bool:
        child.step(next(clock) / 10)
        return child.state == "running"

    try:
        await_true(running)
        first = child.pid
        for _ in range(50):
            running()
        assert child.pid == first
        assert first is not None
        child._child.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
        await_true(lambda: running() and child.pid != first)
        assert child.problem is not None
        assert child.problem.exit_status == -signal.SIGKILL
        assert "no answer" in child.problem.words
        assert json.dumps(child.problem.words)  # as `up --json` shows it
    finally:
        child.terminate()
        child.kill()
        await_true(child.gone)
