"""Which test shows which case: every fault that the system is said to survive, in the words of its list.

`file::test`; a case of the suite itself stands before tests of one part.
"""

KAFKA = "tests/faults/test_kafka_away.py"
KILLED = "tests/faults/test_killed.py"
TOPICS = "tests/faults/test_topics.py"
CALM = "tests/faults/test_no_fault.py"
MILVUS = "tests/faults/test_milvus_away.py"
FROZEN = "tests/faults/test_frozen.py"
IMAGES = "tests/faults/test_images.py"
CHANGES = "tests/behaviour/index/test_changes.py"
PAYLOADS = "tests/behaviour/index/test_payloads.py"
WORKERS = "tests/behaviour/index/test_workers.py"
OFFSETS = "tests/behaviour/index/test_offsets.py"
HOSTS = "tests/behaviour/index/test_hosts.py"
SEVERAL = "tests/behaviour/index/test_several_pictures.py"
FETCH, DECODE, DECODERS = "tests/unit/test_fetch.py", "tests/unit/test_decode.py", "tests/unit/test_decoders.py"

WORKER_CASES = {
    "SIGKILL between the upsert and the commit": (f"{KILLED}::test_killed_between_upsert_and_commit",),
    "SIGKILL between fetch and upsert": (f"{KILLED}::test_killed_between_fetch_and_upsert",),
    "SIGKILL at any moment": (f"{KILLED}::test_killed_at_any_moment",),
    "SIGTERM in the middle of a batch": (
        f"{KILLED}::test_stopped_in_the_middle",
        f"{WORKERS}::test_a_stopped_worker_commits_what_is_finished",
    ),
    "an exception in the agent": (
        "tests/unit/test_writing.py::test_a_failure_that_nobody_knows_ends_the_worker",
        f"{IMAGES}::test_everything_is_bad_after_a_release",
    ),
    "a fresh group whose first event fails": (f"{TOPICS}::test_a_fresh_group_whose_first_event_fails",),
    "offset gaps, with events finishing out of order": (
        f"{TOPICS}::test_gaps_of_transactions",
        f"{TOPICS}::test_gaps_of_compaction",
        "tests/unit/test_watermark.py::test_never_past_an_unfinished_offset",
    ),
    "a worker joins or leaves while a slow batch runs": (f"{KILLED}::test_joins_and_leaves_while_a_batch_is_slow",),
    "a batch longer than the poll interval, the assignment lost": (
        f"{FROZEN}::test_frozen_past_its_session",
        f"{KAFKA}::test_commits_do_not_arrive",
        "tests/unit/test_watermark.py::test_released_and_closed",
    ),
    "more workers than partitions": (f"{TOPICS}::test_more_workers_than_partitions",),
    "broker restarted": (f"{KAFKA}::test_broker_restarted",),
    "broker gone for minutes": (f"{KAFKA}::test_broker_away",),
    "fetching stops silently": (f"{KAFKA}::test_broker_away", "tests/unit/test_liveness.py::test_stalled"),
    "commit fails or times out": (
        f"{KAFKA}::test_commits_do_not_arrive",
        f"{KAFKA}::test_connections_cut_again_and_again",
    ),
    "committed offset out of range after retention": (
        f"{OFFSETS}::test_records_deleted_below_a_stopped_worker",
        f"{OFFSETS}::test_records_deleted_below_a_lagging_worker",
        f"{OFFSETS}::test_a_topic_that_was_made_anew",
    ),
    "a partition count that grew": (f"{OFFSETS}::test_a_partition_count_that_grew",),
    "SIGTERM while Kafka, Milvus or an image host is away": ("tests/faults/test_stopping.py::test_stopped_while",),
    "a write that comes late": (f"{FROZEN}::test_a_write_that_comes_late",),
    "the same event delivered 100 times": (f"{CALM}::test_the_same_event_a_hundred_times",),
    "versions in the order 3, 1, 2": (f"{CALM}::test_out_of_order", f"{CHANGES}::test_versions_three_one_two"),
    "update, removal, then an older update": (f"{CALM}::test_out_of_order", f"{CHANGES}::test_removed_by_status"),
    "one listing twice in a batch": (f"{CALM}::test_out_of_order",),
}

PAYLOAD_CASES = {
    "bytes that are not JSON, wrong types, missing fields, NaN price, a 5 MB string": (
        f"{PAYLOADS}::test_what_cannot_be_read",
    ),
    "an unknown optional field": (f"{PAYLOADS}::test_unknown_fields_are_no_error",),
    "everything is bad after a wrong release": (f"{IMAGES}::test_everything_is_bad_after_a_release",),
    "the dead-letter topic is away or forbidden": (f"{TOPICS}::test_letters_are_refused",),
}

IMAGE_CASES = {
    "404 and 410": (f"{FETCH}::test_gone", f"{PAYLOADS}::test_a_picture_that_cannot_be_had"),
    "429 and 503 with Retry-After": (f"{IMAGES}::test_image_hosts_away", f"{FETCH}::test_retry_after"),
    "one byte a second": (f"{FETCH}::test_one_byte_now_and_then",),
    "endless body, false Content-Length": (f"{FETCH}::test_an_endless_body", f"{FETCH}::test_a_false_length"),
    "redirect loops": (f"{FETCH}::test_redirects_in_a_circle",),
    "redirects to what is not public, to file:": (f"{FETCH}::test_a_redirect_to_what_is_not_public",),
    "such addresses as IPv6, v4-mapped, decimal or octal": (
        f"{FETCH}::test_a_private_address_is_never_asked",
        "tests/unit/test_addresses.py::test_a_number_in_another_form_is_refused",
    ),
    "a PNG of 60,000², a huge WebP header": (f"{DECODE}::test_too_large_before_memory_is_taken",),
    "truncated JPEG, HTML called image/jpeg, no bytes": (
        f"{DECODE}::test_undecodable",
        f"{PAYLOADS}::test_a_picture_that_cannot_be_had",
    ),
    "CMYK, 16-bit, palette with alpha, animated, EXIF 1-8": (f"{DECODE}::test_golden_pixels",),
    "one bad image of several": (
        f"{SEVERAL}::test_one_bad_picture_of_those_that_it_takes",
        f"{SEVERAL}::test_one_bad_picture_beyond_those",
    ),
    "a decoder that crashes, hangs or fills its memory": (
        f"{IMAGES}::test_decoders_killed",
        f"{DECODERS}::test_a_picture_that_takes_too_long",
        f"{DECODERS}::test_a_picture_that_takes_too_much_memory",
    ),
    "an image host that is away": (f"{IMAGES}::test_image_hosts_away", f"{HOSTS}::test_a_host_that_never_returns"),
}

ENCODER_CASES = {
    "out of memory on a batch": (
        "tests/unit/test_encode.py::test_a_batch_that_does_not_fit_is_halved",
        "tests/unit/test_encode.py::test_the_one_picture_that_never_fits",
    ),
    "device lost": ("tests/unit/test_encode.py::test_what_torch_says",),
    "NaN, infinite or zero vector": ("tests/unit/test_models.py::test_vectors_that_are_none",),
    "a weight file whose hash differs": ("tests/unit/test_models.py::test_weights_that_are_not_those_of_the_recipe",),
    "pickled weights": (
        "tests/unit/test_models.py::test_pickled_weights",
        f"{WORKERS}::test_a_worker_that_cannot_start",
    ),
    "two workers with different recipes": (f"{WORKERS}::test_another_model_indexes_beside_the_live_one",),
}

MILVUS_CASES = {
    "down at the start": (f"{WORKERS}::test_a_worker_that_cannot_start",),
    "down for minutes in the middle": (f"{MILVUS}::test_milvus_away",),
    "slow or rate-limited": (
        f"{MILVUS}::test_milvus_slow",
        f"{MILVUS}::test_a_silent_server_holds_no_call",
        "tests/unit/test_told_apart.py::test_told_apart",
    ),
    "one row of a batch refused": ("tests/behaviour/vectors/test_store.py::test_a_refused_row_stands_alone",),
    "killed -9 after it acknowledged": (
        f"{MILVUS}::test_milvus_killed_and_restarted",
        "tests/local/test_lite.py::test_written_by_several_at_once_and_killed",
    ),
    "read while it writes its memory to the disk": ("tests/local/test_lite.py::test_read_while_it_flushes",),
}

CASES = {**WORKER_CASES, **PAYLOAD_CASES, **IMAGE_CASES, **ENCODER_CASES, **MILVUS_CASES}
