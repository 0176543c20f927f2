"""What a report says of the shelves themselves: whose they are, and how many `seen` arrive."""

from pathlib import Path

from evaluated import DAY, placed, write
from interactions import action, seen, shelf
from workers.evaluation.attribution_rate import Sources, sources
from workers.evaluation.shelves import date_of, day_of


def test_users_sessions_and_beacons(tmp_path: Path) -> None:
    """A `seen` or a click of no shelf counts for none, two clicks of one shelf once."""
    records = [
        shelf("a"),
        shelf("b", user=None, session="s"),
        shelf("c", user=None),
        shelf("d", user=None, session="s"),
        *(action("click", name) for name in "aabx"),
        *(seen(name) for name in "adx"),
    ]
    folder = write(tmp_path, placed(records))
    found = sources(folder, DAY, date_of(day_of(DAY) + 1))
    assert found == Sources(shelves=4, by_session=2, by_itself=1, acted=2, acted_seen=1)
    assert sources(tmp_path / "empty", DAY, DAY) == Sources()
