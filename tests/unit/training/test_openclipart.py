"""What file names say, and which pictures are held out."""

from pathlib import Path

import pytest
from PIL import Image

from workers.models.texts import words
from workers.training.openclipart import (
    PicturesMissing,
    category_words,
    is_held_out,
    on_white,
    pictures,
    read_picture,
    title,
)


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("lime_half_jarno_vasamaa_", "lime half"),
        ("dino_architetto_francesc_06", "dino"),
        ("heart-arrow_benji_park_01", "heart arrow"),
        ("PianoKeys_bw-02", "piano keys"),
        ("baseball_glove_bw_ganson", "baseball glove"),
        ("star_79pt02step", "star pt step"),
        ("rocket", "rocket"),
        ("park", "park"),
        ("x_06", "x"),
        ("06", "06"),
    ],
)
def test_title_is_the_file_name_in_words_without_its_author(stem: str, expected: str) -> None:
    """A title has the words of the file name; numbers, marks of variants and the author at the end are gone."""
    assert title(stem) == expected


def test_words_are_parted_at_camel_case_digits_and_signs() -> None:
    """Words end where an underscore, a digit, a sign or a capital begins something new."""
    assert words("gnomeFolderOpen2_v1.0-big") == ["gnome", "folder", "open", "v", "big"]


def test_category_is_said_with_the_particular_first() -> None:
    """The innermost folder comes first, as one would say it."""
    assert category_words("animals/mammals/big_cats") == "big cats mammals animals"


def test_hold_out_is_fixed() -> None:
    """The rule gives the same answer for ever: the figures in the model card depend on it."""
    held_out = [number for number in range(40) if is_held_out(f"food/fruit/apple_{number:02d}.png")]
    assert held_out == [15, 27, 32, 39]


def test_hold_out_takes_fifteen_percent() -> None:
    """Of many paths, 15 % are held out, give or take three standard errors."""
    share = sum(is_held_out(f"a/{number}.png") for number in range(20_000)) / 20_000
    assert abs(share - 0.15) < 3 * (0.15 * 0.85 / 20_000) ** 0.5


def test_pictures_are_listed_once_and_in_order(tmp_path: Path) -> None:
    """Symbolic links, with which the tree names one picture twice, are left out."""
    for name in ("b/two.png", "a/one.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("RGBA", (2, 2)).save(tmp_path / name)
    (tmp_path / "a" / "three.png").symlink_to(tmp_path / "b" / "two.png")
    assert [(one.path, one.category) for one in pictures(tmp_path)] == [("a/one.png", "a"), ("b/two.png", "b")]


def test_missing_pictures_are_named_with_the_remedy(tmp_path: Path) -> None:
    """Without the Debian package, the error says which one to install."""
    with pytest.raises(PicturesMissing, match="apt-get install openclipart-png"):
        pictures(tmp_path)


def test_unreadable_picture_is_none(tmp_path: Path) -> None:
    """A file that is no picture gives None, not an error."""
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    assert read_picture(tmp_path / "broken.png") is None


def test_alpha_is_laid_on_white() -> None:
    """What is transparent becomes white, and half transparent black becomes grey."""
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 128))
    assert [on_white(image).getpixel((x, 0)) for x in range(2)] == [(255, 255, 255), (127, 127, 127)]
