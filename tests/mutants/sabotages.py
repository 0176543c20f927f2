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


WRITING = "tests/unit/indexer/test_planner_and_writer.py"
KILLED = "tests/faults/test_killed.py"
GUARD, WRITER, STAGES = "workers/indexer/guard.py", "workers/indexer/writer.py", "workers/indexer/stages.py"
APP, CLIENT, WATERMARK = "workers/indexer/faust/app.py", "workers/milvus/client.py", "streams/watermark.py"

MUTANTS = (
    Mutant(
        "acknowledge before the write",
        (
            Edit(
                "workers/indexer/planner.py",
                "            pending = read_event(received)\n",
                "            received.finish()\n            pending = read_event(received)\n",
            ),
        ),
        (f"{WRITING}::test_nothing_is_finished_before_it_is_written",),
    ),
    Mutant(
        "Faust's take in place of noack_take",
        (
            Edit(
                APP,
                "            async for event in stream.noack().events():\n",
                "            async for events in stream.take_events(500, within=0.05):\n"
                "              for event in events:\n",
            ),
        ),
        (f"{KILLED}::test_stopped_in_the_middle",),
    ),
    Mutant(
        "no version check",
        (Edit(GUARD, "if newest is not None and newest > order:", "if False:"),),
        ("tests/unit/indexer/test_guard.py::test_the_table",),
    ),
    Mutant(
        "drop on a rate limit",
        (
            Edit(
                STAGES,
                "            result = retry_until_stopped(call, self.stopping, on_failure)\n",
                "            try:\n"
                "                result = call()\n"
                "            except Exception:\n"
                "                return {}  # type: ignore[return-value]\n",
            ),
        ),
        (f"{WRITING}::test_a_write_that_failed_is_tried_again",),
    ),
    Mutant(
        "commit the highest finished offset",
        (
            Edit(
                WATERMARK,
                "            return self._begun[0] if self._begun else self._next\n",
                "            lowest = self._begun[0] if self._begun else self._next\n"
                "            return max(self._finished, default=lowest - 1) + 1\n",
            ),
        ),
        ("tests/unit/streams/test_watermark.py::test_the_lowest_unfinished_offset_is_committable",),
    ),
    Mutant(
        "guard only before the encode",
        (
            Edit(
                WRITER,
                "        action = decide(",
                "        action = Action.PICTURE if write.vector is not None else decide(",
            ),
        ),
        (f"{WRITING}::test_the_guard_is_asked_again_right_before_the_write",),
    ),
    Mutant(
        "forget folded-away events when their winner is bad",
        (
            Edit(
                "workers/indexer/settler.py",
                "if self._fold.discard(pending):\n            self._reporter.dead_letter(",
                "if self._fold.settle(pending.listing_id, pending.order):\n            self._reporter.dead_letter(",
            ),
        ),
        (f"{WRITING}::test_folded_away_is_not_forgotten",),
    ),
    Mutant(
        "commit through Faust's own acknowledgements",
        (
            Edit(APP, "stream.noack().events()", "stream.events()"),
            Edit(APP, "broker_commit_interval=3_600.0,", "broker_commit_interval=0.5,"),
        ),
        (f"{KILLED}::test_stopped_in_the_middle",),
    ),
    Mutant(
        "swallow an exception of the upsert",
        (
            Edit(
                WRITER, "            lambda: self._store.upsert([", "            lambda: _tried(self._store.upsert, ["
            ),
            Edit(
                WRITER,
                "class Writer:\n",
                "def _tried(call, rows):\n    try:\n        return call(rows)\n"
                "    except Exception:\n        return {}\n\n\nclass Writer:\n",
            ),
        ),
        (f"{WRITING}::test_a_failure_that_nobody_knows_ends_the_worker",),
    ),
    Mutant(
        "dead-letter while Milvus is down",
        (
            Edit(
                CLIENT,
                '        raise SlowDown(f"Milvus: {_text(error)}") from error\n',
                '        raise BadMessage("row-rejected", _text(error)) from error\n',
            ),
        ),
        ("tests/unit/milvus/test_client.py",),
    ),
    Mutant(
        "a record delivered twice is done twice",
        (Edit(WATERMARK, "            elif offset < self._next:\n", "            elif offset < 0:\n"),),
        ("tests/unit/streams/test_watermark.py::test_a_record_delivered_twice_is_begun_once",),
    ),
    Mutant(
        "write without the lease",
        (Edit("workers/indexer/lease.py", "        if not self.held:\n", "        if False:\n"),),
        (f"{WRITING}::test_nothing_is_written_without_the_lease", "tests/unit/indexer/test_lease.py"),
    ),
    Mutant(
        "no deadline for a call of Milvus",
        (
            Edit(
                "workers/milvus/store.py",
                "                consistency_level=STRONG,\n                timeout=TIMEOUT_SECONDS,\n            )",
                "                consistency_level=STRONG,\n            )",
            ),
        ),
        ("tests/faults/test_milvus_away.py::test_a_silent_server_holds_no_call",),
    ),
    Mutant(
        "Milvus Lite takes calls side by side",
        (Edit("workers/local/serve_milvus.py", "THREADS = 1\n", "THREADS = 10\n"),),
        ("tests/local/test_lite.py",),
    ),
    Mutant(
        "half of a refused batch is forgotten",
        (
            Edit(
                "workers/milvus/store.py",
                "return self.upsert(rows[:middle]) | self.upsert(rows[middle:])",
                "return self.upsert(rows[:middle])",
            ),
        ),
        ("tests/behaviour/milvus/test_store.py",),
    ),
    Mutant(
        "an offset out of range is jumped over",
        (
            Edit(
                "workers/indexer/partition_offsets.py",
                "return self.committed is not None and self.first <= self.committed <= self.end",
                "return self.committed is not None",
            ),
        ),
        ("tests/unit/indexer/test_start_offsets.py::test_out_of_range",),
    ),
    Mutant(
        "a host that is back is never asked again",
        (
            Edit(
                "workers/images/circuit_breaker.py",
                "host.openings, host.open_until, host.wait_until = 0, 0, 0.0, 0.0",
                "host.wait_until = 0, 0.0",
            ),
        ),
        ("tests/unit/images/test_circuit_breaker.py::test_a_probe_that_succeeds_closes_it",),
    ),
    Mutant(
        "no limit on dead letters",
        (Edit("workers/process/dead_letter_limit.py", "if self._row_limit and ", "if False and "),),
        ("tests/unit/process/test_dead_letter_limit.py::test_a_run_of_letters",),
    ),
    Mutant(
        "one seller's bad listings count as everybody's",
        (Edit("workers/process/dead_letter_limit.py", "max(1, int(limit / PARTIES))", "max(1, int(limit))"),),
        ("tests/unit/process/test_dead_letter_limit.py::test_one_seller_ends_nobody",),
    ),
    Mutant(
        "the recorder jumps over files that are missing",
        (
            Edit(
                "workers/recorder/start_offset.py",
                "if recorded is None or (place.committed is not None and recorded < place.committed):",
                "if recorded is None:",
            ),
        ),
        ("tests/unit/recorder/test_begin.py::test_it_never_jumps",),
    ),
    Mutant(
        "a row that may not meet the schema is recorded",
        (Edit("workers/recorder/schema_check.py", "    wrong |= ~((propensity > 0) & (propensity <= 1))\n", ""),),
        ("tests/unit/recorder/test_parse.py",),
    ),
    Mutant(
        "merging forgets the other files of the day",
        (Edit("workers/recorder/compaction.py", "            os.link(path, new / path.name)\n", "            pass\n"),),
        ("tests/unit/recorder/test_compact.py",),
    ),
    Mutant(
        "letters after the seal",
        (
            Edit(
                "workers/recorder/writer.py",
                "                self._letters.send(bad, abandoned)\n",
                "                pass\n",
            ),
        ),
        ("tests/unit/recorder/test_writer.py::test_letters_come_first",),
    ),
    Mutant(
        "an event is finished before Kafka confirmed its outcome",
        (
            Edit(
                "workers/indexer/reporter.py",
                "        attempt()\n\n    def _refused",
                "        on_confirmed()\n        attempt()\n\n    def _refused",
            ),
        ),
        ("tests/unit/indexer/test_reporter.py::test_an_event_is_finished_by_kafkas_confirmation",),
    ),
    Mutant(
        "the guard reads Bounded in place of Strong",
        (Edit("workers/milvus/store.py", 'STRONG = "Strong"', 'STRONG = "Bounded"'),),
        ("tests/unit/milvus/test_store_consistency.py::test_the_guard_reads_strong",),
    ),
    Mutant(
        "a host's name is looked up again for the connection",
        (
            Edit(
                "workers/images/resolver.py",
                "            check_address(address, permission)\n        return [\n",
                "            check_address(address, permission)\n        self._cache.clear()\n"
                "        records = await self._look_up(host)\n        return [\n",
            ),
        ),
        ("tests/unit/images/test_resolver.py::test_a_name_that_changes_its_address",),
    ),
    Mutant(
        "only the first of a host's addresses is checked",
        (
            Edit(
                "workers/images/resolver.py",
                "        for _, _, address in records:\n",
                "        for _, _, address in records[:1]:\n",
            ),
        ),
        ("tests/unit/images/test_resolver.py::test_each_address_of_a_name_is_checked",),
    ),
    Mutant(
        "a fingerprint is kept and not compared",
        (
            Edit(
                "schemas/fingerprint.py",
                "    if picture >= LEAST_COSINE and (text is None or text >= LEAST_COSINE):\n",
                "    if picture >= -1:\n",
            ),
        ),
        ("tests/unit/models/test_fingerprint.py::test_another_activation",),
    ),
    Mutant(
        "a running server encodes whatever filled the live collection",
        (Edit("workers/server/query_encoder.py", "        if self.problem(collections):\n", "        if False:\n"),),
        ("tests/unit/server/test_agreement.py::test_another_encoder_is_not_asked",),
    ),
    Mutant(
        "a visitor's slow pictures keep all decoders",
        (Edit("workers/server/picture_executor.py", "            query.call.cancel()\n", "            pass\n"),),
        ("tests/unit/server/test_picture_executor.py::test_slow_pictures_block_no_other_visitor",),
    ),
    Mutant(
        "a visitor has all places for pictures",
        (
            Edit(
                "workers/server/picture_executor.py",
                "            displaced = self._queue.displace(source)\n",
                "            displaced = None\n",
            ),
        ),
        ("tests/unit/server/test_picture_executor.py::test_slow_pictures_block_no_other_visitor",),
    ),
    Mutant(
        "strangers are answered",
        (Edit("workers/server/api.py", "    app.add_middleware(OriginCheck, hosts=config.hosts)\n", ""),),
        ("tests/behaviour/server/test_shelves.py::test_strangers",),
    ),
    Mutant(
        "half-open requests keep a worker's descriptors",
        (Edit("workers/process/health_server.py", "            self._end(surplus)\n", ""),),
        ("tests/unit/process/test_health_server.py::test_many_half_open_connections",),
    ),
    Mutant(
        "what Kafka refuses for good is waited for",
        (Edit("streams/refusals.py", "    if error.fatal() or refused_for_good(error):\n", "    if error.fatal():\n"),),
        ("tests/unit/streams/test_refusals.py::test_whoever_sends_it",),
    ),
    Mutant(
        "of a recorded row only the time tells whose log it is of",
        (
            Edit(
                "workers/recorder/lineage.py",
                "and row_identity(record) != row\n",
                "and record.source.timestamp != row[0]\n",
            ),
        ),
        ("tests/behaviour/recorder/test_lineage.py::test_an_end_that_was_lost",),
    ),
)
