"""Ctrl-C at any moment: exit status 130, nothing on stdout, and not one line of a traceback."""

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import local_settings
from workers.local.environment import child_environment

WORKER = ("worker", "index", "--device", "cpu")
SCRIPT = ("-c", "import sys; from workers.cli import main; sys.argv[0] = 'lookalike'; main()")
"""As the installed script begins."""


@contextlib.contextmanager
def program(*arguments: str, folder: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A Python of its own, with settings by which nothing answers; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=child_environment(local_settings(folder, **more)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def await_import(process: subprocess.Popen[str], name: str) -> None:
    """Read what `-X importtime` says until this module has been imported."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.rpartition("|")[2].strip() == name:
            return
    pytest.fail(f"{name} is never imported")


@pytest.mark.parametrize(
    ("imported", "arguments"),
    [
        ("signal", ("lag",)),
        ("pydantic_core._pydantic_core", ("lag",)),
        ("confluent_kafka.cimpl", ("lag",)),
        ("typer", ("--help",)),
        ("workers.cli.program", ("lag",)),
        ("numpy._core._multiarray_umath", WORKER),
        ("pymilvus.exceptions", WORKER),
        ("torch._C", WORKER),
        ("torch.nn", WORKER),
        ("faust", WORKER),
    ],
)
def test_while_it_imports(imported: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    """The moment is that at which this module has been imported, its caller's import still going on."""
    with program("-X", "importtime", *SCRIPT, *arguments, folder=tmp_path) as process:
        await_import(process, imported)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    said = [line for line in errors.splitlines() if not line.startswith("import time:")]
    assert (process.returncode, out, said) == (130, "", [])


@pytest.mark.parametrize("arguments", [("lag",), ("status",), ("neighbors", "m1"), ("explain", "m1")])
def test_while_it_waits_for_kafka(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Which takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kafka = f"127.0.0.1:{silent.getsockname()[1]}"
        silent.settimeout(60)
        with program(*SCRIPT, *arguments, folder=tmp_path, kafka=kafka) as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=60)
            connection.close()
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in errors


def test_while_the_interpreter_ends(tmp_path: Path) -> None:
    """Once the result is there it is whole, whatever the exit status."""
    with program(*SCRIPT, "schema", "listing-created", folder=tmp_path) as process:
        assert process.stdout is not None
        lines = list(iter(process.stdout.readline, "}\n"))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (lines[0], errors) == ("{\n", "")
    assert process.returncode in (0, 130, -signal.SIGINT)  # a shell shows the last two as the same


def test_ignored_where_it_was_ignored(tmp_path: Path) -> None:
    """As under nohup: the command goes on to its end."""
    ignoring = ("-c", f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {SCRIPT[1]}")
    with program("-X", "importtime", *ignoring, "schema", "listing-created", folder=tmp_path) as process:
        await_import(process, "typer")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out[:2]) == (0, "{\n")
