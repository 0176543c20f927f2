"""When all messages seem bad, the worker ends, before a letter too many."""

import pytest

from changes import change, received
from streams.failures import BadMessage, Broken
from streams.hash_key import HashKey
from streams.settings import Settings
from streams.takedowns import Takedowns
from workers.index.letter_limit import LetterLimit
from workers.index.limits import Endings
from workers.index.reporter import Reporter

ENDINGS = Endings(letters_in_a_row=5, letters_ratio=0.5, letters_window=20)


def letters(limit: LetterLimit, count: int, reason: str = "schema") -> int:
    """How many of `count` letters may be sent."""
    sent = 0
    for _ in range(count):
        try:
            limit.letter(reason, "wrong")
        except Broken:
            continue
        sent += 1
    return sent


def test_a_run_of_letters() -> None:
    """The last of them is not sent, nor any after it: also not after a good end elsewhere."""
    limit = LetterLimit(ENDINGS)
    assert letters(limit, 100) == 4
    limit.good("read")
    assert letters(limit, 1) == 0


def test_a_good_end_between_them() -> None:
    """Begins the run anew."""
    limit = LetterLimit(Endings(letters_in_a_row=5, letters_ratio=0))
    for _ in range(50):
        assert letters(limit, 4) == 4
        limit.good("read")


def test_half_of_all() -> None:
    """Counted over the last events; fewer than half of a whole window are never too many."""
    limit = LetterLimit(ENDINGS)
    sent = 0
    for _ in range(100):
        sent += letters(limit, 1)
        limit.good("read")
    assert sent == 9
    rarer = LetterLimit(ENDINGS)
    for _ in range(100):
        assert letters(rarer, 1) == 1
        rarer.good("read")
        rarer.good("read")


@pytest.mark.parametrize("reason", ["image-missing", "fetch-exhausted"])
def test_what_other_servers_say(reason: str) -> None:
    """Is no sign that we are broken: it counts neither way."""
    limit = LetterLimit(ENDINGS)
    assert letters(limit, 1_000, reason) == 1_000
    assert letters(limit, 4) == 4
    assert letters(limit, 10, reason) == 10
    assert letters(limit, 1) == 0


def test_without_limits() -> None:
    """An operator who knows better may let all pass."""
    assert letters(LetterLimit(Endings(letters_in_a_row=0, letters_ratio=0)), 2_000) == 2_000


def test_the_sentence() -> None:
    """Says what happened, what the last one was, and what to do."""
    limit = LetterLimit(Endings(letters_in_a_row=1))
    with pytest.raises(Broken) as broken:
        limit.letter("schema", "wrong")
    for words in ("1 events in a row", "schema (wrong)", "lookalike dead-letters list", "--letters-in-a-row 0"):
        assert words in str(broken.value)


def test_what_was_read_speaks_before_it_is_done() -> None:
    """After an outage all that could be read waits to be written, while what could not is lettered at once."""
    limit = LetterLimit(Endings(letters_in_a_row=5, letters_ratio=0))
    for _ in range(50):
        assert letters(limit, 4) == 4
        limit.good("read")
    assert letters(limit, 4, "encode") == 4
    limit.good("read")
    assert letters(limit, 1, "encode") == 0  # that it could be read says nothing of what is done with it


def test_what_was_superseded_is_done() -> None:
    """A backlog of histories, with many old versions and some bad pictures, is no sign that we are broken."""
    settings = Settings(kafka="127.0.0.1:1")  # nobody listens: what is told waits in memory
    reporter = Reporter(settings, "m@0", Takedowns(lambda: HashKey("k")), ENDINGS)
    for number in range(100):
        superseded = change(version=number, offset=number)
        reporter.outcome(superseded, "superseded")
        reporter.dead_letter(received({"listing_id": "m1"}, offset=number), BadMessage("encode", "wrong"))
        reporter.outcome(superseded, "superseded")
