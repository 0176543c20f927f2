"""Any folder of pictures makes a shop."""

from pathlib import Path

import numpy as np
import pytest

from pictures import jpeg
from streams.errors import LookalikeError
from workers.simulate.disturbances import calendar
from workers.simulate.market import Market, Setup
from workers.simulate.pictures import read_pictures


def test_a_flat_folder_is_grouped_by_its_looks(tmp_path: Path) -> None:
    """Categories are made of the looks; what is no picture is left out; listings point to their pictures."""
    for number in range(40):
        (tmp_path / f"thing-{number}.jpg").write_bytes(jpeg(number))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    found = read_pictures(tmp_path)
    assert len(found.paths) == 40
    assert 2 <= len(found.categories) <= 8
    assert np.linalg.norm(found.looks, axis=1) == pytest.approx(1)
    market = Market(Setup(calendar("all"), days=1, shelves_per_day=100, listings=500), found)
    assert sum(len(trace.hour.shelves.at) for trace in market.hours()) > 50


def test_other_pictures_make_other_ids(tmp_path: Path) -> None:
    """So that two shops never collide on one topic; the same pictures elsewhere make the same."""
    for name, first in (("one", 0), ("moved", 0), ("other", 50)):
        (tmp_path / name).mkdir()
        for number in range(20):
            (tmp_path / name / f"{number}.jpg").write_bytes(jpeg(first + number))
    tags = {
        name: Market(Setup(calendar("calm")), read_pictures(tmp_path / name)).tag for name in ("one", "moved", "other")
    }
    assert tags["one"] == tags["moved"] != tags["other"]


def test_too_few_pictures_are_no_shop(tmp_path: Path) -> None:
    """It is said how many there are, and how many it takes."""
    (tmp_path / "one.jpg").write_bytes(jpeg(1))
    with pytest.raises(LookalikeError, match=r"only 1 pictures .* needs 20"):
        read_pictures(tmp_path)
    with pytest.raises(LookalikeError, match="is not a folder"):
        read_pictures(tmp_path / "nowhere")
