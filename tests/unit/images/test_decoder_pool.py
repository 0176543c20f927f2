"""Decoder processes: what a picture does to its decoder is that picture's end alone."""

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
from workers.images.decoder_pool import Call, Closed, DecoderPool, GivenUp
from workers.images.limits import ImageLimits
from workers.images.message_framing import receive
from workers.models.folder import BUNDLED, read_recipe

RECIPE = read_recipe(BUNDLED)
LIMITS = ImageLimits()
LARGE = base64.b64decode("UklGRh4AAABXRUJQVlA4TBEAAAAv39/5FQdQ5CbUoyiBiOh/AAA=")
"""8160 × 6120 pixels of one colour as lossless WebP: legal, takes seconds, and 1.4 GB while it is decoded."""
WORKING = 150_000_000
"""Bytes in memory of a decoder that has begun with such a picture; an idle one has 45 MB."""

Make = Callable[..., DecoderPool]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes decoders, two unless said otherwise; their processes must be gone when the test is over."""
    made: list[DecoderPool] = []

    def made_with(count: int = 2, **limits: Any) -> DecoderPool:
        made.append(DecoderPool(RECIPE, replace(LIMITS, **limits), count))
        return made[-1]

    yield made_with
    for each in made:
        each.close()
    assert not processes()


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    """Two threads, as in the worker."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


def processes() -> list[psutil.Process]:
    """Every decoder process of ours."""
    found = []
    for each in psutil.Process().children():
        try:
            if "workers.images.decoder_process" in each.cmdline():
                found.append(each)
        except psutil.Error:
            continue
    return found


def at_work() -> psutil.Process:
    """A decoder process in the middle of a large picture."""

    def busy() -> psutil.Process | None:
        return next((each for each in processes() if each.memory_info().rss > WORKING), None)

    found = eventually(busy, "a decoder at work", pause=0.01)
    assert found is not None
    return found


def await_gone(process: psutil.Process) -> None:
    """Wait for its end; whoever started it reaps it."""
    eventually(lambda: not process.is_running(), "its end", pause=0.01)


def refusal(future: "Future[Pixels]") -> BadMessage:
    """Why a picture was refused."""
    with pytest.raises(BadMessage) as bad:
        future.result(60)
    return bad.value


def test_the_same_pixels_as_in_the_worker(make: Make) -> None:
    """Where it is decoded changes nothing, a refusal neither."""
    ours = make()
    assert np.array_equal(ours.decode(jpeg(1)), decode(jpeg(1), RECIPE, max_pixels=LIMITS.pixels))
    with pytest.raises(BadMessage, match=r"image-undecodable: it is no JPEG, PNG or WebP"):
        ours.decode(b"<html>")
    with pytest.raises(BadMessage, match=r"image-too-large: 8160 × 6120 pixels"):
        make(pixels=1_000).decode(LARGE)


def test_one_bad_picture_among_twenty(make: Make, callers: ThreadPoolExecutor) -> None:
    """A picture whose decoders die is undecodable, with the reason; the twenty around it come out as they should."""
    ours = make()
    before = [callers.submit(ours.decode, jpeg(seed)) for seed in range(10)]
    bad = callers.submit(ours.decode, LARGE)
    after = [callers.submit(ours.decode, jpeg(seed)) for seed in range(10, 20)]
    for _ in range(decoder_pool.ATTEMPTS):
        victim = at_work()
        victim.kill()
        await_gone(victim)
    why = refusal(bad)
    assert (why.reason, why.error, why.attempts) == ("image-undecodable", "the decoder process died on it", 2)
    for seed, each in enumerate([*before, *after]):
        assert np.array_equal(each.result(60), decode(jpeg(seed), RECIPE, max_pixels=LIMITS.pixels))
    assert len(processes()) == 2


def test_a_process_that_was_killed_once_costs_nothing(make: Make, callers: ThreadPoolExecutor) -> None:
    """Something else may have killed it, at work or idle: the picture gets another one."""
    ours = make(1, decode_seconds=60.0)  # it takes 2.3 s, and ten times that where others compute
    ours.decode(jpeg(1))
    processes()[0].kill()
    assert ours.decode(jpeg(1)).shape == (RECIPE.height, RECIPE.width, 3)
    large = callers.submit(ours.decode, LARGE)
    at_work().kill()
    assert large.result(60).shape == (RECIPE.height, RECIPE.width, 3)


def test_a_process_that_was_killed_while_it_starts(make: Make) -> None:
    """Nor does that cost anything: neither the picture nor the worker."""
    ours = make(1)
    processes()[0].kill()
    assert ours.decode(jpeg(1)).shape == (RECIPE.height, RECIPE.width, 3)


def test_a_picture_that_takes_too_long(make: Make) -> None:
    """After its time it is given up and not tried again; its process is replaced, and the next picture is done."""
    ours = make(1, decode_seconds=0.5)
    first = processes()[0]
    with pytest.raises(BadMessage) as refused:
        ours.decode(LARGE)
    assert (refused.value.reason, refused.value.error) == ("image-undecodable", "decoding it took longer than 0.5 s")
    assert refused.value.attempts == 1
    await_gone(first)
    assert ours.decode(jpeg(2)).shape == (RECIPE.height, RECIPE.width, 3)


def test_a_decoder_that_stands_still_before_it_is_sent_a_large_file(make: Make) -> None:
    """More bytes than a socket holds: sending is given up in time, and another process does it."""
    decoders = make(1, decode_seconds=1.0)
    decoders.decode(jpeg(1))
    os.kill(processes()[0].pid, signal.SIGSTOP)
    assert decoders.decode(jpeg(2) + bytes(5_000_000)).shape == (RECIPE.height, RECIPE.width, 3)


def test_a_picture_that_is_given_up(make: Make, callers: ThreadPoolExecutor) -> None:
    """For others that wait: nothing is said about it, and it may be decoded again; too late, it is no loss."""
    ours, call = make(1, decode_seconds=60.0), Call()
    large = callers.submit(ours.decode, LARGE, call)
    at_work()
    call.give_up()
    with pytest.raises(GivenUp):
        large.result(60)
    assert call.seconds > 0
    with pytest.raises(GivenUp):
        ours.decode(jpeg(1), call)
    finished = Call()
    assert ours.decode(LARGE, finished).shape == (RECIPE.height, RECIPE.width, 3)
    finished.give_up()
    assert ours.decode(jpeg(2)).shape == (RECIPE.height, RECIPE.width, 3)


def test_a_decoder_that_stops_in_the_middle_of_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is for the whole answer, not for its first byte: it is given up, and the next picture is done."""
    large = RECIPE.model_copy(update={"height": 4_096, "width": 4_096})  # 50 MB: more than a socket holds
    ours = DecoderPool(large, replace(LIMITS, decode_seconds=4.0), 1)
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
            ours.decode(jpeg(1))
        assert not stopping
        assert 3.5 < time.monotonic() - began < 60
        assert ours.decode(jpeg(1)).shape == (4_096, 4_096, 3)
    finally:
        ours.close()


def test_an_answer_that_comes_byte_by_byte_is_late() -> None:
    """Each byte in time is not enough: the last one has to be."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall((100).to_bytes(8, "big"))
        over = threading.Event()

        def drip() -> None:
            while not over.wait(0.05):
                theirs.sendall(b".")

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            with pytest.raises(TimeoutError):
                receive(ours, 1_000, 0.5)
        finally:
            over.set()
            dripping.join()


def test_a_longer_answer_than_there_may_be() -> None:
    """A process that a picture has made another's may claim any length: no memory is taken for it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall((1 << 60).to_bytes(8, "big"))
        with pytest.raises(OSError, match="more than 1000"):
            receive(ours, 1_000, 60)


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is enforced by Linux alone")
def test_a_picture_that_takes_too_much_memory(make: Make) -> None:
    """A decoder may take so much and no more; the picture is too large, and the same process goes on."""
    ours = make(1, decode_memory=700_000_000)
    first = processes()
    with pytest.raises(BadMessage, match=r"image-too-large: it takes more memory than there is"):
        ours.decode(LARGE)
    assert ours.decode(jpeg(3)).shape == (RECIPE.height, RECIPE.width, 3)
    assert processes() == first


def test_closing_says_nothing_of_a_picture(make: Make, callers: ThreadPoolExecutor) -> None:
    """A picture in work when the worker stops is left to the next one: no verdict."""
    ours = make(1)
    large = callers.submit(ours.decode, LARGE)
    at_work()
    ours.close()
    with pytest.raises(Closed):
        large.result(10)


def test_signals_to_the_group_are_the_workers(make: Make) -> None:
    """Ctrl-C and SIGTERM reach the whole group: no decoder dies of them before its worker is done, from its start."""
    ours = make()
    for number in (signal.SIGINT, signal.SIGTERM):
        for each in processes():
            os.kill(each.pid, number)
    for _ in range(4):
        ours.decode(jpeg(4))
    assert all(each.is_running() for each in processes())


def test_no_decoder_survives_its_worker() -> None:
    """A worker that is killed takes them along, also one that is in the middle of a picture."""
    code = (
        "import sys, threading; from workers.images.decoder_pool import DecoderPool;"
        "from workers.images.limits import *; from workers.models.folder import *;"
        "ours = DecoderPool(read_recipe(BUNDLED), ImageLimits(), 2);"
        "print('made', flush=True); image = sys.stdin.buffer.read(); ours.decode(image)"
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


def test_light() -> None:
    """A decoder has no torch, no client of Kafka, Milvus or object stores."""
    heavy = {"torch", "pymilvus", "faust", "obstore"}
    code = f"import sys, workers.images.decoder_process; print({heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_no_decoder_knows_a_secret(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither ours nor those of object stores: a picture may take a decoder over."""
    for name in ("LOOKALIKE_MILVUS_TOKEN", "AWS_SECRET_ACCESS_KEY", "GOOGLE_SERVICE_ACCOUNT_KEY", "DB_PASSWORD"):
        monkeypatch.setenv(name, "hunter2")
    make(1)
    told = processes()[0].environ()
    assert "hunter2" not in told.values()
    assert "PATH" in told


def test_a_decoder_that_cannot_start(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is not the picture's fault: the worker is broken, and must end."""
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(Broken, match=r"a decoder process ended before it was ready, with status \d"):
        make(1).decode(jpeg(1))
