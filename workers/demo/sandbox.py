"""Where the demo takes place: a folder, a prefix and ports of its own, so that nothing of the user's is touched."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from streams.errors import LookalikeError, UsageError
from streams.settings import Settings
from workers.local.detach import start_detached, stop
from workers.local.ports import free_port
from workers.local.state import stop_leftovers, supervisor
from workers.local.supervisor import Stack

PREFIX = "demo_"
_MARK = ".lookalike-demo"
"""The file that says: this folder is the demo's, and may be wiped."""


def demo_settings(settings: Settings, pictures: Path) -> Settings:
    """The user's settings, with every place and address replaced by the demo's own; the model stays as chosen.

    Raises UsageError for pictures in the folder that the demo is going to wipe.
    """
    data = settings.data / "demo"
    if pictures.resolve().is_relative_to(data.resolve()):
        raise UsageError(f"{pictures} is in {data}, which the demo wipes; move the pictures elsewhere")
    return settings.model_copy(
        update={
            "kafka": f"127.0.0.1:{free_port()}",
            "kafka_config": {},
            "milvus": f"http://127.0.0.1:{free_port()}",
            "milvus_token": SecretStr(""),
            "prefix": PREFIX,
            "data": data,
            "image_roots": (pictures.resolve(),),
        }
    )


def clear(settings: Settings) -> None:
    """An empty folder for the demo, whatever an earlier one has left.

    Raises LookalikeError where a kept demo is still up, and where the folder is not a demo's: it is left alone.
    """
    folder = settings.data
    if supervisor(settings) is not None:
        raise LookalikeError(
            f"a demo is still up in {folder}; stop it with `{program()} --data {shlex.quote(str(folder))} down`"
        )
    try:
        if folder.is_dir() and any(folder.iterdir()):
            if not (folder / _MARK).exists():
                raise LookalikeError(
                    f"{folder} is in the way: the demo would wipe it, and it was not made by a demo; "
                    "move it, or choose another folder with LOOKALIKE_DATA"
                )
            stop_leftovers(settings)
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARK).touch()
    except OSError as error:
        raise LookalikeError(
            f"{error.filename or folder} can't be written: {error.strerror or error}; "
            "put that right, or choose another folder with LOOKALIKE_DATA"
        ) from None


@contextmanager
def running(settings: Settings, *, keep: bool) -> Iterator[None]:
    """The local stack with one index worker; stopped at the end, unless it is to be kept and nothing was raised."""
    if not keep:
        stack = Stack(settings, workers=1)
        try:
            with stack:
                yield
        finally:
            stack.stop()  # once more, where Ctrl-C came into the middle of the first
        return
    start_detached(settings, workers=1)
    try:
        yield
    except BaseException:  # Ctrl-C too: only a demo that succeeded is left running
        stop(settings)
        raise


def ways_on(settings: Settings, listing_id: str, picture: Path | None, text: str) -> list[str]:
    """The commands for a demo that was kept, to be pasted into a shell."""
    exports = {
        "KAFKA": settings.kafka,
        "KAFKA_CONFIG": "{}",
        "MILVUS": settings.milvus,
        "MILVUS_TOKEN": "",
        "PREFIX": settings.prefix,
        "DATA": str(settings.data),
        "IMAGE_ROOTS": os.pathsep.join(str(root) for root in settings.image_roots),
    }
    words = [f"LOOKALIKE_{name}={shlex.quote(value)}" for name, value in exports.items()]
    asked = [f"neighbors {listing_id}", f"neighbors --text {shlex.quote(text)} -k 5"]
    if picture:
        asked.append(f"neighbors --image {shlex.quote(str(picture))}")
    return [
        "export " + " ".join(words),
        *(f"{program()} {each}" for each in [*asked, f"explain {listing_id}", "status", "lag --watch", "down"]),
        "unset " + " ".join(word.split("=")[0] for word in words),
    ]


def program() -> str:
    """How this program is called from the user's shell: by its name where the shell finds it."""
    ours = Path(sys.executable).with_name("lookalike")
    found = shutil.which("lookalike")
    if found and Path(found).resolve() == ours.resolve():
        return "lookalike"
    return shlex.quote(str(ours)) if ours.exists() else f"{shlex.quote(sys.executable)} -m workers.cli"
