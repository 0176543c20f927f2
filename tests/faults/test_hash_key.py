"""An erasure with another hash key than the workers': refused before anything is written, and no worker stops."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from awaiting import eventually
from faults.case import Case
from faults.scene import Scene
from program import document, failed, run
from schemas.takedown import Takedown
from streams.keyed_hash import read_hash_key
from streams.takedowns import PIN_KEY
from streams.topic_reader import read_all
from streams.topics import TAKEDOWN

MakeCase = Callable[[str, Scene], Case]
Scenes = Callable[..., Scene]
FOREIGN = "0123456789ab"


@pytest.mark.full
def test_another_hash_key(own_scene: Scenes, make_case: MakeCase, tmp_path: Path) -> None:
    """From a folder without a key, and with the key of another catalogue; nothing is written, and no key is made.

    Entries of another key that are in the log all the same, and a fingerprint that can't be read, are reported; the
    workers go on, those that start after them too, and an erasure with the right key erases.
    """
    scene = own_scene()
    [worker] = scene.crew.ready()
    case, settings = make_case("another hash key", scene), scene.shop.settings
    listing = scene.shop.index(scene.shop.event(scene.shop.new_id(), 1, image_urls=[scene.shop.picture(1)]))
    case.publish(60)
    written = len(list(read_all(settings, TAKEDOWN)))
    fresh = settings.model_copy(update={"data": tmp_path})
    other = settings.model_copy(update={"hash_key": SecretStr("a key of another house")})
    for wrong in (fresh, other):
        line = failed(run(wrong, "erase", "--listing", listing["listing_id"]), 2)
        assert read_hash_key(settings).key_id in line
    assert len(list(read_all(settings, TAKEDOWN))) == written
    assert not list(tmp_path.rglob("*"))
    now = datetime.now(UTC)
    foreign = Takedown(kind="erased", value="0" * 64, at=now, version=3, key_id=FOREIGN)
    scene.shop.send(TAKEDOWN, foreign.key, foreign.model_dump_json().encode())
    scene.shop.send(TAKEDOWN, PIN_KEY, b"{ not JSON")
    eventually(lambda: len(worker.events("takedown_not_understood")) == 2, "the worker has reported both")
    case.publish(60)
    case.report()
    assert worker.running, worker.log()
    scene.crew.kill(worker)
    [worker] = scene.crew.ready()
    case.publish(60)
    assert document(run(settings, "takedown", "--list", "--json"))["unread"] == 2
    assert document(run(settings, "erase", "--listing", listing["listing_id"], "--json"))["erased"]
    assert scene.shop.known(listing["listing_id"]).row is None
    case.holds()
    assert worker.running, worker.log()
