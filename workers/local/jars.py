"""The local broker's jars: resolved once by jgo into the cache folder, used without a network ever after.

They are exactly those of `jars.sha256`, which `sha256sum` wrote and reads.
"""

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import structlog

from streams.errors import LookalikeError, ServiceUnavailable
from streams.settings import Settings

VERSION = "4.1.0"
# Kafka brings no implementation of its logging interface; without one its log would stay empty.
_ENDPOINT = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"

_log = structlog.get_logger(__name__)


def jars(settings: Settings) -> Path:
    """The folder of the broker's jars; fetches them (43 MB, ten to twenty seconds) when they are not in the cache.

    ServiceUnavailable if they can't be fetched, LookalikeError if the cache can't be written or a checksum differs.
    """
    folder = settings.cache / "kafka" / VERSION
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two commands at once: the second waits and finds them there
            if not folder.is_dir():
                _fetch(folder)
    except OSError as error:
        raise LookalikeError(
            f"{error.filename or folder} can't be written: {error.strerror or error}; put that right, "
            "or choose another cache folder with XDG_CACHE_HOME"
        ) from None
    return folder


def _fetch(folder: Path) -> None:
    """Fill `folder`, which comes into being complete or not at all.

    All is fetched into a folder of its own: jgo takes a file that an interrupted run left half-written in the
    Maven cache for a good one, now and for ever.
    """
    from jgo.env import EnvironmentBuilder, LinkStrategy
    from jgo.maven import MavenContext

    _log.info("fetching-kafka", version=VERSION, into=str(folder), megabytes=43, how_often="once")
    for left in folder.parent.glob("fetching-*"):  # by a run that was killed; we hold the lock, so by none that lives
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        try:
            context = MavenContext(repo_cache=work / "maven", local_repos=[], timeout=30)
            builder = EnvironmentBuilder(context, cache_dir=work / "environment", link_strategy=LinkStrategy.HARD)
            builder.from_endpoint(_ENDPOINT)
        except (OSError, RuntimeError, ValueError, LookupError, AttributeError) as error:
            reason = str(error).split("(Caused by")[0].strip()[:200]
            raise ServiceUnavailable(
                f"Apache Kafka can't be fetched from the Maven repository ({reason}); "
                "try again with a network, or set HTTPS_PROXY if this machine needs one",
            ) from None
        found = work / "jars"
        found.mkdir()
        for jar in (work / "environment").rglob("*.jar"):
            jar.rename(found / jar.name)
        if wrong := differences(found, pinned()):
            raise LookalikeError(
                f"what the Maven repository gave for Apache Kafka {VERSION} is another ({wrong}); nothing "
                "of it is used: ask whoever runs that repository, or a proxy before it"
            )
        found.rename(folder)


def pinned() -> dict[str, str]:
    """The SHA-256 of each jar, in hexadecimal, by its file name."""
    lines = resources.files("workers.local").joinpath("jars.sha256").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def differences(folder: Path, wanted: Mapping[str, str]) -> str:
    """How the jars in `folder` differ from those wanted, by name, the first three of each; empty if they don't."""
    there = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.glob("*.jar")}
    found = {
        "missing": sorted(wanted.keys() - there.keys()),
        "not expected": sorted(there.keys() - wanted.keys()),
        "of another content": sorted(name for name in wanted.keys() & there.keys() if wanted[name] != there[name]),
    }
    return "; ".join(f"{words}: {', '.join(names[:3])}" for words, names in found.items() if names)
