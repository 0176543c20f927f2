"""The sabotages: each a few words of the product changed for the worse, and the tests that must notice it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """In `file`, `old` stands exactly once, and becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """A sabotage by its name, and the tests of which at least one must turn red."""

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


WRITING = "tests/unit/test_writing.py"
KILLED = "tests/faults/test_killed.py"
GUARD, WRITER, STAGES = "workers/index/guard.py", "workers/index/writer.py", "workers/index/stages.py"
APP, CLIENT, WATERMARK = "workers/index/app.py", "workers/vectors/client.py", "streams/watermark.py"

MUTANTS = (
    Mutant(
        "acknowledge before the write",
        (Edit("workers/index/planner.py", "            change = read_change(received)\n",
              "            received.finish()\n            change = read_change(received)\n"),),
        (f"{WRITING}::test_nothing_is_finished_before_it_is_written",),
    ),
    Mutant(
        "Faust's take in place of noack_take",
        (Edit(APP, "            async for event in stream.noack().events():\n",
              "            async for events in stream.take_events(500, within=0.05):\n"
              "              for event in events:\n"),),
        (f"{KILLED}::test_stopped_in_the_middle",),
    ),
    Mutant(
        "no version check",
        (Edit(GUARD, "if newest is not None and newest > order:", "if False:"),),
        ("tests/unit/test_guard.py::test_the_table",),
    ),
    Mutant(
        "drop on a rate limit",
        (Edit(STAGES, "            except SlowDown as away:\n",
              "            except SlowDown as away:\n                return {}  # type: ignore[return-value]\n"),),
        (f"{WRITING}::test_a_write_that_failed_is_tried_again",),
    ),
    Mutant(
        "commit the highest finished offset",
        (Edit(WATERMARK, "            return self._begun[0] if self._begun else self._next\n",
              "            lowest = self._begun[0] if self._begun else self._next\n"
              "            return max(self._finished, default=lowest - 1) + 1\n"),),
        ("tests/unit/test_watermark.py::test_the_lowest_unfinished_offset_is_committable",),
    ),
    Mutant(
        "guard only before the encode",
        (Edit(WRITER, "        action = decide(",
              "        action = Action.PICTURE if write.vector is not None else decide("),),
        (f"{WRITING}::test_the_guard_is_asked_again_right_before_the_write",),
    ),
    Mutant(
        "forget folded-away events when their winner is bad",
        (Edit("workers/index/settle.py",
              "if self._fold.discard(change):\n            self._reporter.dead_letter(",
              "if self._fold.settle(change.listing_id, change.order):\n            self._reporter.dead_letter("),),
        (f"{WRITING}::test_folded_away_is_not_forgotten",),
    ),
    Mutant(
        "commit through Faust's own acknowledgements",
        (Edit(APP, "stream.noack().events()", "stream.events()"),
         Edit(APP, "broker_commit_interval=3_600.0,", "broker_commit_interval=0.5,")),
        (f"{KILLED}::test_stopped_in_the_middle",),
    ),
    Mutant(
        "swallow an exception of the upsert",
        (Edit(WRITER, "            lambda: self._store.upsert([", "            lambda: _tried(self._store.upsert, ["),
         Edit(WRITER, "class Writer:\n",
              "def _tried(call, rows):\n    try:\n        return call(rows)\n"
              "    except Exception:\n        return {}\n\n\nclass Writer:\n")),
        (f"{WRITING}::test_a_failure_that_nobody_knows_ends_the_worker",),
    ),
    Mutant(
        "dead-letter while Milvus is down",
        (Edit(CLIENT, "        raise SlowDown(f\"Milvus: {_text(error)}\") from error\n",
              "        raise BadMessage(\"row-rejected\", _text(error)) from error\n"),),
        ("tests/unit/test_told_apart.py",),
    ),
    Mutant(
        "a record delivered twice is done twice",
        (Edit(WATERMARK, "            elif offset < self._next:\n", "            elif offset < 0:\n"),),
        ("tests/unit/test_watermark.py::test_a_record_delivered_twice_is_begun_once",),
    ),
    Mutant(
        "write without the lease",
        (Edit("workers/index/lease.py", "        if not self.held:\n", "        if False:\n"),),
        (f"{WRITING}::test_nothing_is_written_without_the_lease", "tests/unit/test_lease.py"),
    ),
    Mutant(
        "no deadline for a call of Milvus",
        (Edit("workers/vectors/store.py", "                timeout=TIMEOUT_SECONDS,\n            )  # fmt: skip",
              "            )  # fmt: skip"),),
        ("tests/faults/test_milvus_away.py::test_a_silent_server_holds_no_call",),
    ),
    Mutant(
        "Milvus Lite takes calls side by side",
        (Edit("workers/local/serve_milvus.py", "THREADS = 1\n", "THREADS = 10\n"),),
        ("tests/local/test_lite.py",),
    ),
    Mutant(
        "half of a refused batch is forgotten",
        (Edit("workers/vectors/store.py", "return self.upsert(rows[:middle]) | self.upsert(rows[middle:])",
              "return self.upsert(rows[:middle])"),),
        ("tests/behaviour/vectors/test_store.py",),
    ),
    Mutant(
        "an offset out of range is jumped over",
        (Edit("workers/index/offsets.py",
              "return self.committed is not None and self.first <= self.committed <= self.end",
              "return self.committed is not None"),),
        ("tests/unit/test_offsets.py::test_out_of_range",),
    ),
    Mutant(
        "a host that is back is never asked again",
        (Edit("workers/images/hosts.py", "host.openings, host.open_until, host.wait_until = 0, 0, 0.0, 0.0",
              "host.wait_until = 0, 0.0"),),
        ("tests/unit/test_hosts.py::test_a_probe_that_succeeds_closes_it",),
    ),
    Mutant(
        "no limit on dead letters",
        (Edit("workers/index/letter_limit.py", "if limits.letters_in_a_row and ", "if False and "),),
        ("tests/unit/test_letter_limit.py::test_a_run_of_letters",),
    ),
    Mutant(
        "the recorder jumps over files that are missing",
        (Edit("workers/record/begin.py",
              "if recorded is None or (place.committed is not None and recorded < place.committed):",
              "if recorded is None:"),),
        ("tests/unit/record/test_begin.py::test_it_never_jumps",),
    ),
    Mutant(
        "a row that may not meet the schema is recorded",
        (Edit("workers/record/fits.py", "    wrong |= ~((propensity > 0) & (propensity <= 1))\n", ""),),
        ("tests/unit/record/test_parse.py",),
    ),
    Mutant(
        "merging forgets the other files of the day",
        (Edit("workers/record/compact.py", "            os.link(path, new / path.name)\n", "            pass\n"),),
        ("tests/unit/record/test_compact.py",),
    ),
    Mutant(
        "letters after the seal",
        (Edit("workers/record/writer.py", "                    self._letters.send(bad, abandoned)\n",
              "                    pass\n"),),
        ("tests/unit/record/test_writer.py::test_letters_come_first",),
    ),
)  # fmt: skip
