"""`lookalike demo` as a user types it, in a process of its own, with a small folder of pictures."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from servers import await_true
from streams.settings import Settings
from workers.demo.catalogue import BUNDLED
from workers.local.state import supervisor

COMMAND = [sys.executable, "-m", "workers.cli"]


def environment(data: Path) -> dict[str, str]:
    """Where the user keeps a catalogue of their own, on a cluster that no demo may touch."""
    return os.environ | {
        "LOOKALIKE_DATA": str(data),
        "LOOKALIKE_KAFKA": "127.0.0.1:1",
        "LOOKALIKE_MILVUS": "http://127.0.0.1:1",
        "LOOKALIKE_KAFKA_CONFIG": '{"security.protocol": "ssl"}',
        "LOOKALIKE_PREFIX": "mine_",
    }


def demo(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [*COMMAND, "demo", *arguments], env=environment(data), capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of two kinds, and one file that only pretends to be a picture."""
    folder = tmp_path_factory.mktemp("my pictures")
    for kind in ("food/fruit", "plants/flowers"):
        (folder / kind).mkdir(parents=True)
        for path in sorted((BUNDLED / kind).iterdir())[:6]:
            shutil.copy(path, folder / kind)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.mark.slow
def test_the_whole_tour(pictures: Path, tmp_path: Path) -> None:
    """Every picture is indexed, changes encode nothing, the gallery is there, and nothing of the user's is touched."""
    (tmp_path / "stack.json").write_text("mine")
    ran = demo(tmp_path, "--images", str(pictures), "--json")
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    assert (found["listings"], found["indexed"], found["pictures_encoded"]) == (13, 12, 12)
    assert found["dead_letters"] == {"image-undecodable": 1}
    assert found["outcomes"] == {"indexed": 12, "refused": 1, "metadata": 12 + 3 + 1, "removed": 1}
    assert (found["changes"], found["pictures_encoded_for_changes"]) == (17, 0)
    assert (found["rows"]["on_sale"], found["rows"]["sold_out"], found["tombstones"]) == (9, 2, 1)
    assert all(check["ok"] for check in found["checks"])
    assert 0 < found["picture_visible_ms"]["p50"] <= found["picture_visible_ms"]["max"] < 1_000 * found["seconds"]
    assert found["peak_memory_bytes"] == sum(found["memory_by_process"].values()) > 100_000_000
    gallery = Path(found["gallery"])
    assert gallery == tmp_path / "demo" / "gallery.html"
    page = gallery.read_text(encoding="utf-8")
    assert "http://" not in page
    assert page.count("<article") == 12 + 3 + 6 + 1
    assert "stop" in found["steps"]
    assert supervisor(Settings(data=tmp_path / "demo")) is None
    assert (tmp_path / "stack.json").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "stack.json"]


def test_ctrl_c_stops_everything(pictures: Path, tmp_path: Path) -> None:
    """In the middle of the start: what was started is stopped, the status is 130, and there is no traceback."""
    started = subprocess.Popen(
        [*COMMAND, "demo", "--images", str(pictures)],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    state = tmp_path / "demo" / "stack.json"
    try:
        await_true(lambda: state.exists() and '"kafka"' in state.read_text(), 60.0)
        await_true(lambda: any(entry["pid"] for entry in json.loads(state.read_text())["processes"]))
        pids = [entry["pid"] for entry in json.loads(state.read_text())["processes"] if entry["pid"]]
        started.send_signal(signal.SIGINT)
        said, complained = started.communicate(timeout=90)
    finally:
        started.kill()
        started.wait()
    assert started.returncode == 130
    assert said == ""
    assert "Traceback" not in complained
    assert "stopping" in complained
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_folder_that_no_demo_made_is_left_alone(pictures: Path, tmp_path: Path) -> None:
    """Where `demo` in the data folder is somebody's own, it is not wiped: one line says so."""
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.txt").write_text("years of work")
    ran = demo(tmp_path, "--images", str(pictures))
    assert ran.returncode == 1
    assert "is in the way" in ran.stderr
    assert (tmp_path / "demo" / "thesis.txt").read_text() == "years of work"


def test_pictures_that_the_demo_would_wipe(pictures: Path, tmp_path: Path) -> None:
    """A folder of pictures inside the demo's own is refused, not lost."""
    mine = tmp_path / "demo" / "mine"
    shutil.copytree(pictures, mine)
    (tmp_path / "demo" / ".lookalike-demo").touch()
    ran = demo(tmp_path, "--images", str(mine))
    assert ran.returncode == 2
    assert "move the pictures" in ran.stderr
    assert len(list(mine.rglob("*.*"))) == 13


def test_a_gallery_that_can_have_no_place(pictures: Path, tmp_path: Path) -> None:
    """It is said before anything starts."""
    ran = demo(tmp_path, "--images", str(pictures), "--gallery", str(tmp_path / "no" / "such" / "page.html"))
    assert ran.returncode == 2
    assert "there is no folder" in ran.stderr
    assert not (tmp_path / "demo").exists()
