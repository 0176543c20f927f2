"""Pictures that hold all decoders of a server: queries by listing and by text go on."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil

from awaiting import eventually
from behaviour.server.conftest import Shop
from odd_pictures import slow_to_decode
from pictures import jpeg
from serving import Server, server
from workers.server.limits import Limits

REQUESTS = Limits().encoded_at_once


def _decoders(served: Server) -> list[psutil.Process]:
    found = psutil.Process(served.process.pid).children(recursive=True)
    return [each for each in found if "workers.images.decoder_process" in each.cmdline()]


def test_texts_do_not_wait_for_pictures(market: Shop) -> None:
    """As many pictures as are taken at once wait for decoders that stand still: texts are answered meanwhile, each
    picture is refused when its time is up, and then pictures are answered again."""
    with server(market.settings) as served, ThreadPoolExecutor(REQUESTS + 1) as visitors:

        def picture(seed: int) -> httpx.Response:
            kind = {"Content-Type": "image/jpeg"}
            return served.client.post("/v1/similar?k=3", content=jpeg(seed), headers=kind, timeout=120)

        assert served.client.post("/v1/similar?k=3", json={"text": "a red square"}).status_code == 200
        assert picture(1).status_code == 200
        for decoder in _decoders(served):
            decoder.suspend()
        asked = [visitors.submit(picture, seed) for seed in range(REQUESTS + 1)]
        eventually(lambda: [each for each in asked if each.done()], "what is too much is told so", pause=0.01)
        for _ in range(3):
            began = time.monotonic()
            assert served.client.post("/v1/similar?k=3", json={"text": "a red square"}).status_code == 200
            assert served.similar("m4", k=3)["items"]
            assert time.monotonic() - began < Limits().decode_seconds / 2
        answers = [each.result() for each in asked]
        late = [each.json()["detail"] for each in answers if each.status_code == 422]
        assert late
        assert all("decoding it took longer than 4 s" in each for each in late)
        assert {each.status_code for each in answers} <= {200, 422, 503}
        assert picture(2).status_code == 200


def test_slow_pictures_of_others(market: Shop) -> None:
    """One visitor, and several beside him, send pictures that take seconds, again and again: another one's are answered
    meanwhile, within the time that one of theirs takes."""
    slow, over = slow_to_decode(), threading.Event()
    with server(market.settings, "--picture-pixels", "50000000") as served, ThreadPoolExecutor(REQUESTS) as attackers:

        def ask(picture: bytes, user: str) -> httpx.Response:
            kind = {"Content-Type": "image/webp", "X-Lookalike-User": user}
            return served.client.post("/v1/similar?k=3", content=picture, headers=kind, timeout=120)

        def attack(number: int) -> set[int]:
            told = set()
            while not over.is_set():
                told.add(ask(slow, f"eve{max(0, number - REQUESTS // 2)}").status_code)
            return told

        assert ask(jpeg(1), "bob").status_code == 200
        attacks = [attackers.submit(attack, number) for number in range(REQUESTS)]
        waits = list[float]()
        for seed in range(6):
            began = time.monotonic()
            while ask(jpeg(seed), "bob").status_code == 503 and time.monotonic() - began < 20:
                time.sleep(0.05)
            waits.append(time.monotonic() - began)
            time.sleep(0.2)
        over.set()
        assert sorted(waits)[len(waits) // 2] < Limits().decode_seconds, waits
        for each in attacks:
            assert each.result() <= {200, 422, 503}
