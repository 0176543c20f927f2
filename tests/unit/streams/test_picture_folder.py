"""A folder of pictures as listings: what is taken, and what is said of the rest."""

import os
from collections import Counter
from pathlib import Path

from streams.picture_folder import listings_of


def test_each_file_is_taken_or_counted(tmp_path: Path) -> None:
    """JPEG under all its names, PNG and WebP; everything else by its kind."""
    for name in ("a.JPG", "b.jpeg", "c.jpe", "d.jfif", "e.png", "f.webp", "g.gif", "h.gif", "README", "bell.\x07x"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    passed_over: Counter[str] = Counter()
    taken = [event.title for event in listings_of(tmp_path, passed_over, version=1)]
    assert taken == ["a", "b", "c", "d", "e", "f"]
    assert passed_over == {".gif": 2, "without a suffix": 1, ".?x": 1, "no file to read": 1}


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """Of a file and of its folder: the address has the very bytes, the words have question marks."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / os.fsdecode(b"\xff one.jpg")).write_bytes(b"x")
    [event] = listings_of(tmp_path, Counter(), version=1)
    assert event.image_urls[0].endswith("/caf%E9/%FF%20one.jpg")
    assert event.category == ("caf?",)
    event.model_dump_json()


def test_folders_that_are_no_category(tmp_path: Path) -> None:
    """Deeper than a category may be: passed over, and the next is taken."""
    deep = tmp_path.joinpath(*["d"] * 200)
    deep.mkdir(parents=True)
    (deep / "a.jpg").write_bytes(b"x")
    (tmp_path / "z.jpg").write_bytes(b"x")
    passed_over: Counter[str] = Counter()
    assert [event.title for event in listings_of(tmp_path, passed_over, version=1)] == ["z"]
    assert passed_over == {"category beyond its limits": 1}
