"""`lookalike up` and `lookalike down` as a user types them, each in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from servers import await_true, local_settings
from streams.settings import Settings
from workers.local.environment import child_environment
from workers.local.ports import answers, free_port, kafka_address
from workers.local.state import read_state, supervisor


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A stack's settings; whatever the test leaves running is stopped."""
    chosen = local_settings(tmp_path)
    yield chosen
    run(chosen, "down")


def command(*arguments: str) -> list[str]:
    """The command line of the program."""
    return [sys.executable, "-m", "workers.cli", *arguments]


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    environment = child_environment(settings)
    return subprocess.run(
        command(*arguments), env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def up(settings: Settings) -> subprocess.Popen[str]:
    """`up` in the foreground, once it has said that all is running."""
    started = subprocess.Popen(
        command("up", "--workers", "0", "--json"),
        env=child_environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert started.stdout is not None
    document: dict[str, Any] = json.loads(started.stdout.readline())
    assert set(document) == {"kafka", "milvus", "processes"}
    assert [set(entry) for entry in document["processes"]] == [{"name", "pid", "state", "problem"}] * 2
    return started


def test_the_foreground_ends_cleanly(settings: Settings) -> None:
    """Ctrl-C stops everything and exits 0, without a traceback."""
    with up(settings) as started:
        pids = [entry["pid"] for entry in read_state(settings)["processes"]]
        os.kill(started.pid, signal.SIGINT)
        _, errors = started.communicate(timeout=60)
    assert started.returncode == 0
    assert "Traceback" not in errors
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_interrupted_while_starting(settings: Settings) -> None:
    """Ctrl-C before all is running: nothing is left behind, and the exit status is that of an interrupted command."""
    with subprocess.Popen(command("up"), env=child_environment(settings), stderr=subprocess.PIPE, text=True) as started:
        await_true(lambda: any(entry["pid"] for entry in read_state(settings)["processes"]))
        started.send_signal(signal.SIGINT)
        _, errors = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "Traceback" not in errors
    assert {entry["state"] for entry in read_state(settings)["processes"]} == {"stopped"}
    assert answers(kafka_address(settings)) is None


def test_detached_and_down(settings: Settings) -> None:
    """Detached, the stack outlives its command; `down` waits until all has ended, and says so only once."""
    port = free_port()
    started = run(settings, "up", "--workers", "0", "--serve", "--serve-port", str(port), "--detach", "--json")
    assert started.returncode == 0, started.stderr
    document = json.loads(started.stdout)
    assert [(entry["name"], entry["state"]) for entry in document["processes"]] == [
        ("kafka", "running"),
        ("milvus", "running"),
        ("serve", "running"),
    ]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as health:
        assert json.loads(health.read())["state"] == "waiting"  # no model is live: no worker has run
    second = run(settings, "up", "--workers", "0", "--detach")
    assert second.returncode == 1
    assert second.stderr.startswith(f"lookalike: a local stack is already up for {settings.data}")
    assert second.stderr.count("\n") == 1
    stopped = run(settings, "down", "--json")
    assert stopped.returncode == 0
    assert {entry["state"] for entry in json.loads(stopped.stdout)["processes"]} == {"stopped"}
    assert not any(psutil.pid_exists(entry["pid"]) for entry in document["processes"])


def test_down_when_nothing_runs(settings: Settings) -> None:
    """It says so and exits 0."""
    ended = run(settings, "down")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "No local stack is up" in ended.stderr
    assert json.loads(run(settings, "down", "--json").stdout)["processes"] == []


def test_the_next_up_after_a_killed_supervisor(settings: Settings) -> None:
    """What a killed supervisor left running is stopped, and the stack starts again on the same ports."""
    with up(settings) as first:
        left = [entry["pid"] for entry in read_state(settings)["processes"]]
        first.kill()
        first.communicate(timeout=30)
    assert all(psutil.pid_exists(pid) for pid in left)
    assert supervisor(settings) is None
    with up(settings) as second:
        assert not any(psutil.pid_exists(pid) for pid in left)
        os.kill(second.pid, signal.SIGINT)
        second.communicate(timeout=60)
    assert second.returncode == 0


def test_down_after_a_killed_supervisor(settings: Settings) -> None:
    """`down` stops what was left as well."""
    with up(settings) as first:
        first.kill()
        first.communicate(timeout=30)
    ended = run(settings, "down")
    assert (ended.returncode, ended.stdout) == (0, "Stopped kafka, milvus.\n")
    assert answers(kafka_address(settings)) is None


@pytest.mark.parametrize("detach", [(), ("--detach",)])
def test_a_start_that_fails_says_why(settings: Settings, detach: tuple[str, ...]) -> None:
    """Attached or not: one line with the reason, and the exit status that belongs to it."""
    elsewhere = settings.model_copy(update={"kafka": "broker.example:9092"})
    refused = run(elsewhere, "up", *detach)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    with listener(settings):
        taken = run(settings, "up", "--workers", "0", *detach)
    assert taken.returncode == 1
    assert taken.stderr.count("\n") == 1
    assert "LOOKALIKE_KAFKA" in taken.stderr
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        taken = run(settings, "up", "--workers", "0", "--serve", "--serve-port", port, *detach)
    assert taken.returncode == 1
    assert taken.stderr.count("\n") == 1
    assert "--serve-port" in taken.stderr


def listener(settings: Settings) -> socket.socket:
    """Something else that listens on the broker's port."""
    address = kafka_address(settings)
    return socket.create_server((address.host, address.port))


def test_help_has_an_example(settings: Settings) -> None:
    """Each command's help ends with one that can be pasted."""
    for name in ("up", "down"):
        assert f"Example: lookalike {name}" in run(settings, name, "--help").stdout
