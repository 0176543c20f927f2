"""Decoder processes: a picture that breaks its decoder affects no other picture."""

import base64
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import pytest

from awaiting import eventually
from pictures import jpeg
from streams.errors import BadMessage, Broken
from workers.images import decoder_pool
from workers.images.decode import Pixels, decode
from workers.images.decoder_pool import DecodeCall, DecodeCancelled, DecoderPool, PoolClosed
from workers.images.limits import ImageLimits
from workers.images.message_framing import receive
from workers.models.folder import BUNDLED, read_recipe

RECIPE = read_recipe(BUNDLED)
LIMITS = ImageLimits()
LARGE = base64.b64decode("UklGRh4AAABXRUJQVlA4TBEAAAAv39/5FQdQ5CbUoyiBiOh/AAA=")
"""8160 × 6120 pixels of one colour as lossless WebP: valid; decoding takes seconds and 1.4 GB."""
WORKING = 150_000_000
"""Resident bytes of a decoder that has begun with such a picture; an idle one has 45 MB."""

Make = Callable[..., DecoderPool]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes pools, of two processes by default; the processes must be gone after the test."""
    made: list[DecoderPool] = []

    def make_pool(count: int = 2, **limits: Any) -> DecoderPool:
        made.append(DecoderPool(RECIPE, replace(LIMITS, **limits), count))
        return made[-1]

    yield make_pool
    for each in made:
        each.close()
    assert not processes()


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    """Two threads, as in the worker."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


def processes() -> list[psutil.Process]:
    """All decoder processes of this process."""
    found = []
    for each in psutil.Process().children():
        try:
            if "workers.images.decoder_process" in each.cmdline():
                found.append(each)
        except psutil.Error:
            continue
    return found


def at_work() -> psutil.Process:
    """A decoder process that is decoding a large picture."""

    def busy() -> psutil.Process | None:
        return next((each for each in processes() if each.memory_info().rss > WORKING), None)

    found = eventually(busy, "a decoder at work", pause=0.01)
    assert found is not None
    return found


def await_gone(process: psutil.Process) -> None:
    """Wait for its end; its parent reaps it."""
    eventually(lambda: not process.is_running(), "its end", pause=0.01)


def refusal(future: "Future[Pixels]") -> BadMessage:
    """The error of a refused picture."""
    with pytest.raises(BadMessage) as bad:
        future.result(60)
    return bad.value


def test_a_decoder_process_gives_the_same_pixels(make: Make) -> None:
    """A decoder process gives the same pixels and the same errors as decoding in this process."""
    pool = make()
    assert np.array_equal(pool.decode(jpeg(1)), decode(jpeg(1), RECIPE, max_pixels=LIMITS.pixels))
    with pytest.raises(BadMessage, match=r"image-undecodable: it is no JPEG, PNG or WebP"):
        pool.decode(b"<html>")
    with pytest.raises(BadMessage, match=r"image-too-large: 8160 × 6120 pixels"):
        make(pixels=1_000).decode(LARGE)


def test_a_picture_that_kills_its_decoders_affects_no_other(make: Make, callers: ThreadPoolExecutor) -> None:
    """It is undecodable, with the reason; the twenty pictures around it are decoded correctly."""
    pool = make()
    before = [callers.submit(pool.decode, jpeg(seed)) for seed in range(10)]
    bad = callers.submit(pool.decode, LARGE)
    after = [callers.submit(pool.decode, jpeg(seed)) for seed in range(10, 20)]
    for _ in range(decoder_pool.ATTEMPTS):
        victim = at_work()
        victim.kill()
        await_gone(victim)
    why = refusal(bad)
    assert (why.reason, why.error, why.attempts) == ("image-undecodable", "the decoder process died on it", 2)
    for seed, each in enumerate([*before, *after]):
        assert np.array_equal(each.result(60), decode(jpeg(seed), RECIPE, max_pixels=LIMITS.pixels))
    assert len(processes()) == 2


def test_a_decoder_that_dies_is_restarted(make: Make, callers: ThreadPoolExecutor) -> None:
    """Whether busy or idle: the picture is decoded by the new process."""
    pool = make(1, decode_seconds=60.0)  # it takes 2.3 s, and ten times that where others compute
    pool.decode(jpeg(1))
    processes()[0].kill()
    assert pool.decode(jpeg(1)).shape == (RECIPE.height, RECIPE.width, 3)
    large = callers.submit(pool.decode, LARGE)
    at_work().kill()
    assert large.result(60).shape == (RECIPE.height, RECIPE.width, 3)


def test_a_decoder_that_dies_while_it_starts_is_restarted(make: Make) -> None:
    """Neither the picture nor the worker fails."""
    pool = make(1)
    processes()[0].kill()
    assert pool.decode(jpeg(1)).shape == (RECIPE.height, RECIPE.width, 3)


def test_a_picture_over_the_time_limit_is_undecodable(make: Make) -> None:
    """It is not tried again; its process is replaced, and the next picture is decoded."""
    pool = make(1, decode_seconds=0.5)
    first = processes()[0]
    with pytest.raises(BadMessage) as refused:
        pool.decode(LARGE)
    assert (refused.value.reason, refused.value.error) == ("image-undecodable", "decoding it took longer than 0.5 s")
    assert refused.value.attempts == 1
    await_gone(first)
    assert pool.decode(jpeg(2)).shape == (RECIPE.height, RECIPE.width, 3)


def test_a_decoder_that_does_not_read_a_large_file_is_restarted(make: Make) -> None:
    """The file is larger than the socket's buffer: sending times out, and another process decodes it."""
    decoders = make(1, decode_seconds=1.0)
    decoders.decode(jpeg(1))
    os.kill(processes()[0].pid, signal.SIGSTOP)
    assert decoders.decode(jpeg(2) + bytes(5_000_000)).shape == (RECIPE.height, RECIPE.width, 3)


def test_a_cancelled_decode_can_be_repeated(make: Make, callers: ThreadPoolExecutor) -> None:
    """It raises DecodeCancelled, without a verdict on the picture; cancelling a finished call does nothing."""
    pool, call = make(1, decode_seconds=60.0), DecodeCall()
    large = callers.submit(pool.decode, LARGE, call)
    at_work()
    call.cancel()
    with pytest.raises(DecodeCancelled):
        large.result(60)
    assert call.seconds > 0
    with pytest.raises(DecodeCancelled):
        pool.decode(jpeg(1), call)
    finished = DecodeCall()
    assert pool.decode(LARGE, finished).shape == (RECIPE.height, RECIPE.width, 3)
    finished.cancel()
    assert pool.decode(jpeg(2)).shape == (RECIPE.height, RECIPE.width, 3)


def test_the_time_limit_covers_the_whole_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that hangs in the middle of its answer is replaced, and the next picture is decoded."""
    large = RECIPE.model_copy(update={"height": 4_096, "width": 4_096})  # 50 MB: more than a socket holds
    pool = DecoderPool(large, replace(LIMITS, decode_seconds=4.0), 1)
    stopping = [processes()[0]]

    def stopped_once_it_begins(source: socket.socket, most: int, seconds: float | None = None) -> bytes:
        if stopping and most > large.height:  # an answer; at its start a process says one word
            source.settimeout(60)
            assert source.recv(1, socket.MSG_PEEK)
            stopping.pop().suspend()
        return receive(source, most, seconds)

    monkeypatch.setattr(decoder_pool, "receive", stopped_once_it_begins)
    try:
        began = time.monotonic()
        with pytest.raises(BadMessage, match=r"image-undecodable: decoding it took longer than 4 s"):
            pool.decode(jpeg(1))
        assert not stopping
        assert 3.5 < time.monotonic() - began < 60
        assert pool.decode(jpeg(1)).shape == (4_096, 4_096, 3)
    finally:
        pool.close()


def test_a_message_that_arrives_byte_by_byte_times_out() -> None:
    """The time limit is for the last byte, not for each."""
    pool, theirs = socket.socketpair()
    with pool, theirs:
        theirs.sendall((100).to_bytes(8, "big"))
        over = threading.Event()

        def drip() -> None:
            while not over.wait(0.05):
                theirs.sendall(b".")

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            with pytest.raises(TimeoutError):
                receive(pool, 1_000, 0.5)
        finally:
            over.set()
            dripping.join()


def test_a_message_over_the_limit_is_refused() -> None:
    """A process that a picture has taken over may claim any length: no memory is allocated for it."""
    pool, theirs = socket.socketpair()
    with pool, theirs:
        theirs.sendall((1 << 60).to_bytes(8, "big"))
        with pytest.raises(OSError, match="more than 1000"):
            receive(pool, 1_000, 60)


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is enforced by Linux alone")
def test_a_picture_over_the_memory_limit_is_too_large(make: Make) -> None:
    """The same process decodes the next picture."""
    pool = make(1, decode_memory=700_000_000)
    first = processes()
    with pytest.raises(BadMessage, match=r"image-too-large: it takes more memory than there is"):
        pool.decode(LARGE)
    assert pool.decode(jpeg(3)).shape == (RECIPE.height, RECIPE.width, 3)
    assert processes() == first


def test_closing_gives_no_verdict_on_a_picture(make: Make, callers: ThreadPoolExecutor) -> None:
    """A decode in progress when the worker stops raises PoolClosed."""
    pool = make(1)
    large = callers.submit(pool.decode, LARGE)
    at_work()
    pool.close()
    with pytest.raises(PoolClosed):
        large.result(10)


def test_decoders_ignore_signals_to_the_group(make: Make) -> None:
    """Ctrl-C and SIGTERM reach the whole process group: no decoder ends before its worker, not even while it starts."""
    pool = make()
    for number in (signal.SIGINT, signal.SIGTERM):
        for each in processes():
            os.kill(each.pid, number)
    for _ in range(4):
        pool.decode(jpeg(4))
    assert all(each.is_running() for each in processes())


def test_no_decoder_survives_its_worker() -> None:
    """If a worker is killed, its decoders end, also one that is decoding."""
    code = (
        "import sys, threading; from workers.images.decoder_pool import DecoderPool;"
        "from workers.images.limits import *; from workers.models.folder import *;"
        "pool = DecoderPool(read_recipe(BUNDLED), ImageLimits(), 2);"
        "print('made', flush=True); image = sys.stdin.buffer.read(); pool.decode(image)"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdin is not None
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"made\n"
    left = psutil.Process(worker.pid).children()
    assert len(left) == 2
    worker.stdin.write(LARGE)
    worker.stdin.close()
    eventually(lambda: any(each.memory_info().rss > WORKING for each in left), "one at work", pause=0.01)
    worker.kill()
    worker.wait()
    worker.stdout.close()
    _, alive = psutil.wait_procs(left, timeout=5)
    assert not alive


def test_a_decoder_imports_no_heavy_package() -> None:
    """No torch, no client of Kafka, Milvus or object stores."""
    heavy = {"torch", "pymilvus", "faust", "obstore"}
    code = f"import sys, workers.images.decoder_process; print({heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_secrets_are_withheld_from_decoders(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the settings' nor those of object stores: a picture may take a decoder over."""
    for name in ("LOOKALIKE_MILVUS_TOKEN", "AWS_SECRET_ACCESS_KEY", "GOOGLE_SERVICE_ACCOUNT_KEY", "DB_PASSWORD"):
        monkeypatch.setenv(name, "hunter2")
    make(1)
    environment = processes()[0].environ()
    assert "hunter2" not in environment.values()
    assert "PATH" in environment


def test_a_decoder_that_cannot_start_is_broken(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the picture's fault: Broken ends the worker."""
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(Broken, match=r"a decoder process ended before it was ready, with status \d"):
        make(1).decode(jpeg(1))
