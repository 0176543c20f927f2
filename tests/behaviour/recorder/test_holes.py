"""A lost file of recorded interactions, on a real broker: seen, said, and recorded again."""

import json

from interactions import send, session
from recording import Recording
from workers.interactions.layout import data_files


def test_a_lost_file_is_recorded_again(recording: Recording) -> None:
    """`evaluate` names the range, `fill-holes` records it again, once; a second time there is nothing to do."""
    for number in range(3):
        send(recording.settings, [event for each in range(10) for event in session(f"r{number}-{each}")])
        recording.once()
    assert recording.is_the_log()
    by_partition: dict[int, set[int]] = {}
    for each in data_files(recording.folder):
        by_partition.setdefault(each.partition, set()).add(each.first)
    partition, first = next((number, sorted(firsts)[1]) for number, firsts in by_partition.items() if len(firsts) == 3)
    for each in list(data_files(recording.folder)):
        if (each.partition, each.first) == (partition, first):
            last = each.last
            each.path.unlink()
    assert not recording.is_the_log()
    said = recording.run("evaluate").stderr
    assert f"partition {partition}, offsets {first} to {last}" in said, said
    assert "fill-holes" in said
    done = recording.run("fill-holes", "--json")
    assert done.returncode == 0, done.stderr
    [hole] = json.loads(done.stdout)["holes"]
    assert (hole["first"], hole["last"], hole["filled"], hole["lost"]) == (first, last, last + 1 - first, 0)
    assert recording.is_the_log()
    assert json.loads(recording.run("fill-holes", "--json").stdout) == {"holes": []}
