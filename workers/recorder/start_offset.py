"""Where recording goes on in a partition: after what is on the disk, and nowhere else.

The files are the truth of what was recorded; the committed offset only tells others how far it is. Beside the files a
small one says where the recording of a partition began, so that an empty folder is told from one that was lost.
"""

from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import OffsetSpec

from streams.clients import await_kafka
from streams.errors import Broken
from streams.lag import committed_offsets
from streams.settings import Settings
from streams.topic_reader import offsets, partitions
from streams.topics import INTERACTIONS
from workers.interactions.layout import START_OFFSETS, interactions_folder
from workers.interactions.locks import hold_lock
from workers.interactions.progress import next_offsets, write_start_offset
from workers.interactions.staging import recover


@dataclass(frozen=True)
class PartitionProgress:
    """A partition as disk, group and log have it; offsets, each the next one to be read."""

    topic: str
    partition: int
    recorded: int | None
    """After the highest offset of its files, or where its recording began; None where it never did."""
    committed: int | None
    first: int
    end: int

    def __str__(self) -> str:
        disk = "nothing is recorded" if self.recorded is None else f"recorded up to {self.recorded}"
        group = "nothing is committed" if self.committed is None else f"committed {self.committed}"
        return f"{self.topic} partition {self.partition}: {disk}, {group}, the log has {self.first} to {self.end}"


def resume_offset(place: PartitionProgress, folder: Path, *, accept: bool = False) -> int:
    """The offset to go on at; raises Broken, with the remedy, where records were or would be left out.

    With `accept` the earliest that is not recorded and still in the log is taken, whatever was left out.
    """
    recorded = place.recorded
    if accept:
        inside = recorded is not None and place.first <= recorded <= place.end
        return recorded if inside and recorded is not None else place.first
    if recorded is None and place.committed is None and place.first == 0:
        return 0  # a partition that is new
    if recorded is None or (place.committed is not None and recorded < place.committed):
        raise Broken(
            f"{place}: files are missing that the group has recorded; bring them back to {folder}, or set "
            "LOOKALIKE_DATA to where they are; or start one recorder with --accept-offsets, which records again what "
            "the log still has of them"
        )
    if not place.first <= recorded <= place.end:
        gone = "expired before they were recorded" if recorded < place.first else "are not there: the topic is another"
        raise Broken(
            f"{place}: records {gone}; start one recorder with --accept-offsets to go on at the earliest that is there"
        )
    return recorded


def initialise_start_offsets(settings: Settings, group: str) -> None:
    """Where nothing was ever recorded here, nor committed by the group: every partition begins at its earliest record.

    Written down for all of them at once, so that from then on what is missing means something. Raises LookalikeError
    (exit 3) where Kafka is away.
    """
    folder, topic = interactions_folder(settings), settings.named(INTERACTIONS)
    client = await_kafka(settings)
    with hold_lock(folder, START_OFFSETS.strip(".")):
        recover(folder)
        places = partitions(client, settings, [INTERACTIONS])
        if next_offsets(folder, topic) or committed_offsets(settings, group, places):
            return
        for (_, partition), first in offsets(client, places, OffsetSpec.earliest()).items():
            write_start_offset(folder, topic, partition, first)
