"""How far each partition is recorded in a folder: from the names of its files, and from where its recording began."""

from pathlib import Path

from streams.local_files import local_file
from workers.interactions.layout import START_OFFSETS, data_files
from workers.process import atomic_write


def next_offsets(folder: Path, topic: str) -> dict[int, int]:
    """For each partition that was ever begun here, the offset after the last that its files answer for."""
    found: dict[int, int] = {}
    if (folder / START_OFFSETS).is_dir():
        for path in (folder / START_OFFSETS).glob(f"{topic}-*"):
            partition = path.name.removeprefix(f"{topic}-")
            if partition.isdigit():
                found[int(partition)] = read_start_offset(path)
    for each in data_files(folder):
        if each.topic == topic:
            found[each.partition] = max(found.get(each.partition, 0), each.last + 1)
    return found


def read_start_offset(path: Path) -> int:
    """The offset in a file of `begun`; raises UsageError if it is damaged, LookalikeError if it can't be read."""
    with local_file(path, "write into it the offset at which the partition's first recorded file begins"):
        return int(path.read_text())


def write_start_offset(folder: Path, topic: str, partition: int, offset: int) -> None:
    """Write down where the recording of a partition begins; whole, or not at all."""
    path = folder / START_OFFSETS / f"{topic}-{partition}"
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write.write_text(path, str(offset), durable=True)
