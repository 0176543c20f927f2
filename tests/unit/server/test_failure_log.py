"""A failure that a thousand requests meet is one line, which all their answers name."""

from structlog.testing import capture_logs

from workers.server.failure_log import FailureLog


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_one_line_for_one_failure() -> None:
    """Every answer has the id of the line; the next line, when its time has come, says how many there were."""
    clock = _Clock()
    log = FailureLog(clock=clock)
    with capture_logs() as lines:
        numbers = {log.write("/v1/similar", OSError("Milvus is away")) for _ in range(1_000)}
        assert [(each["event"], each["request"]) for each in lines] == [("not_answered", *numbers)]
        clock.now += 10
        assert log.write("/v1/similar", OSError("Milvus is away")) not in numbers
    assert (lines[1]["before"], lines[1]["seconds"]) == (999, 10)


def test_failures_are_told_apart() -> None:
    """By route, type and words."""
    log = FailureLog(clock=_Clock())
    with capture_logs() as lines:
        for route, failure in (
            ("/a", OSError("x")),
            ("/b", OSError("x")),
            ("/a", ValueError("x")),
            ("/a", OSError("y")),
        ):
            log.write(route, failure)
    assert len(lines) == 4


def test_words_that_always_differ_are_no_flood() -> None:
    """Beyond a hundred different ones, those of one route and type are one failure."""
    log = FailureLog(clock=_Clock())
    with capture_logs() as lines:
        for number in range(5_000):
            log.write("/v1/similar", OSError(f"connection {number} is gone"))
    assert len(lines) == 101


def test_what_was_not_met_again_is_told_and_forgotten() -> None:
    """How often it was met is not lost with it."""
    clock = _Clock()
    log = FailureLog(most=2, clock=clock)
    with capture_logs() as lines:
        for _ in range(3):
            log.write("/a", OSError("x"))
        clock.now += 20
        log.write("/a", OSError("y"))
    assert [(each["event"], each.get("times")) for each in lines] == [
        ("not_answered", None),
        ("not_answered_before", 2),
        ("not_answered", None),
    ]
