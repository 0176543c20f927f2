"""`lookalike fill-holes`: record again what is missing between the recorded files."""

from dataclasses import asdict

import typer

from streams.errors import LookalikeError, ServiceUnavailable, SlowDown
from workers.cli.output import JsonOption, settings_of, show


def fill_holes(context: typer.Context, as_json: JsonOption = False) -> None:
    """Record again, from Kafka, what is missing between the recorded files; safe while recorders run.

    Exits 1 if Kafka no longer has all of it: that is lost, unless the files are brought back.

    Example: lookalike fill-holes --json
    """
    from confluent_kafka import KafkaException

    from workers.interactions.layout import interactions_folder
    from workers.recorder.backfill import fill_gaps as fill

    settings = settings_of(context)
    folder = interactions_folder(settings)
    if not folder.is_dir():
        raise LookalikeError(f"{folder} is not there: nothing was recorded")
    try:
        found = fill(settings)
    except OSError as error:
        raise LookalikeError(f"{error}; whole batches are in place, ask again for the rest") from error
    except (SlowDown, KafkaException) as error:
        raise ServiceUnavailable(f"{error}; whole batches are in place, ask again for the rest") from error
    document = {"holes": [asdict(each.gap) | {"filled": each.filled, "lost": each.lost} for each in found]}
    lines = "\n".join(f"{each.gap}: {each.filled} recorded again, {each.lost} lost" for each in found)
    show(document, as_json=as_json, page=lambda: lines or "no hole between the recorded files")
    if lost := sum(each.lost for each in found):
        raise LookalikeError(f"{lost} offsets are lost: Kafka no longer has them, and no file in {folder} does")
