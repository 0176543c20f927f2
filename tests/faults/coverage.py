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
HANGING = "tests/faults/test_hanging_hosts.py"
CHANGES = "tests/behaviour/indexer/test_changes.py"
PAYLOADS = "tests/behaviour/indexer/test_payloads.py"
WORKERS = "tests/behaviour/indexer/test_workers.py"
OFFSETS = "tests/behaviour/indexer/test_offsets.py"
LINEAGE = "tests/faults/test_lineage.py"
ERASE = "tests/behaviour/withdrawal/test_erase.py"
POISON = "tests/behaviour/indexer/test_poison.py"
BEFORE = "tests/behaviour/test_before_kafka.py"
HOSTS = "tests/behaviour/indexer/test_hosts.py"
SEVERAL = "tests/behaviour/indexer/test_several_pictures.py"
SLOW = "tests/faults/test_decoders.py"
ODD, BOMBS = "tests/unit/images/test_metadata.py", "tests/unit/images/test_bombs.py"
FETCH, DECODE, DECODERS = (
    "tests/unit/images/test_fetch.py",
    "tests/unit/images/test_decode.py",
    "tests/unit/images/test_decoder_pool.py",
)

WORKER_CASES = {
    "SIGKILL between the upsert and the commit": (f"{KILLED}::test_killed_between_upsert_and_commit",),
    "SIGKILL between fetch and upsert": (f"{KILLED}::test_killed_between_fetch_and_upsert",),
    "SIGKILL at any moment": (f"{KILLED}::test_killed_at_any_moment",),
    "SIGTERM in the middle of a batch": (
        f"{KILLED}::test_stopped_in_the_middle",
        f"{WORKERS}::test_a_stopped_worker_commits_what_is_finished",
    ),
    "an exception in the agent": (
        "tests/unit/indexer/test_planner_and_writer.py::test_a_failure_that_nobody_knows_ends_the_worker",
        f"{IMAGES}::test_everything_is_bad_after_a_release",
    ),
    "a fresh group whose first event fails": (f"{TOPICS}::test_a_fresh_group_whose_first_event_fails",),
    "offset gaps, with events finishing out of order": (
        f"{TOPICS}::test_gaps_of_transactions",
        f"{TOPICS}::test_gaps_of_compaction",
        "tests/unit/streams/test_watermark.py::test_never_past_an_unfinished_offset",
    ),
    "a worker joins or leaves while a slow batch runs": (f"{KILLED}::test_joins_and_leaves_while_a_batch_is_slow",),
    "a batch longer than the poll interval, the assignment lost": (
        f"{FROZEN}::test_frozen_past_its_session",
        f"{KAFKA}::test_commits_do_not_arrive",
        "tests/unit/streams/test_watermark.py::test_released_and_closed",
    ),
    "more workers than partitions": (f"{TOPICS}::test_more_workers_than_partitions",),
    "broker restarted": (f"{KAFKA}::test_broker_restarted",),
    "broker gone for minutes": (f"{KAFKA}::test_broker_away",),
    "fetching stops silently": (f"{KAFKA}::test_broker_away", "tests/unit/indexer/test_liveness.py::test_stalled"),
    "commit fails or times out": (
        f"{KAFKA}::test_commits_do_not_arrive",
        f"{KAFKA}::test_connections_cut_again_and_again",
    ),
    "committed offset out of range after retention": (
        f"{OFFSETS}::test_records_deleted_below_a_stopped_worker",
        f"{OFFSETS}::test_records_deleted_below_a_lagging_worker",
        f"{OFFSETS}::test_a_topic_that_was_made_anew",
    ),
    "a topic made anew under committed offsets": (
        f"{LINEAGE}::test_a_topic_made_anew",
        f"{LINEAGE}::test_a_topic_made_anew_below_a_worker",
        "tests/behaviour/recorder/test_lineage.py::test_a_topic_made_anew",
        "tests/behaviour/recorder/test_lineage.py::test_made_anew_below_a_recorder",
    ),
    "a log that lost its end below the committed offset and grew again": (
        f"{LINEAGE}::test_an_end_that_was_lost",
        f"{LINEAGE}::test_an_end_that_was_recorded_and_lost",
    ),
    "collections that were dropped, or are others": (f"{LINEAGE}::test_collections_that_were_dropped",),
    "an erasure with another hash key than the workers'": (
        "tests/faults/test_hash_key.py::test_another_hash_key",
        f"{ERASE}::test_from_another_data_folder",
        f"{ERASE}::test_a_worker_with_another_key",
    ),
    "a clock that is ahead, so that Kafka refuses the outcomes": (
        f"{TOPICS}::test_a_clock_that_is_ahead",
        "tests/unit/streams/test_refusals.py::test_what_is_refused_for_good_ends_the_worker",
        "tests/faults/test_refused.py::test_a_recorder",
        "tests/faults/test_refused.py::test_an_evaluator",
        "tests/faults/test_refused.py::test_commands",
    ),
    "Kafka and Milvus away at once, for longer than work may stand still": (
        "tests/faults/test_both_away.py::test_two_outages_that_overlap",
    ),
    "a worker that is started before Kafka": (
        f"{BEFORE}::test_an_index_worker",
        f"{BEFORE}::test_a_recorder",
        f"{BEFORE}::test_an_evaluator",
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
    "header names that are not UTF-8, and whatever else Kafka takes": (
        "tests/faults/test_poison.py::test_header_names_that_are_not_utf8",
        f"{POISON}::test_anything_else_that_kafka_takes",
        f"{POISON}::test_what_others_write_to_our_topics",
        "tests/behaviour/recorder/test_recorder.py::test_poison_and_what_is_stepped_over",
        "tests/behaviour/evaluator/test_outsiders.py::test_what_others_write_to_our_topics",
    ),
    "an unknown optional field": (f"{PAYLOADS}::test_unknown_fields_are_no_error",),
    "everything is bad after a wrong release": (f"{IMAGES}::test_everything_is_bad_after_a_release",),
    "one seller has nothing but bad listings": (
        f"{IMAGES}::test_one_sellers_bad_listings",
        f"{HOSTS}::test_one_sellers_bad_listings",
        "tests/behaviour/recorder/test_recorder.py::test_one_users_bad_records",
    ),
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
        "tests/unit/images/test_address_policy.py::test_a_number_in_another_form_is_refused",
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
        f"{DECODERS}::test_a_picture_over_the_time_limit_is_undecodable",
        f"{DECODERS}::test_a_picture_over_the_memory_limit_is_too_large",
    ),
    "a decoder that stops in the middle of its answer": (
        f"{SLOW}::test_decoders_stop_in_the_middle_of_an_answer",
        f"{DECODERS}::test_the_time_limit_covers_the_whole_answer",
    ),
    "decode bombs, with a bystander": (
        f"{SLOW}::test_a_bystander_of_decode_bombs",
        f"{BOMBS}::test_refused_for_its_parts",
        "tests/behaviour/server/test_slow_pictures.py::test_texts_do_not_wait_for_pictures",
    ),
    "metadata that is broken, too long or odd; a JPEG without its end": (
        f"{ODD}::test_pictures_that_shops_and_phones_produce",
        f"{ODD}::test_from_how_much_missing_a_jpeg_is_refused",
    ),
    "image hosts that hang, of one maker, and a bystander": (
        f"{HANGING}::test_a_bystander_of_hosts_that_hang",
        f"{FETCH}::test_hops_that_each_take_their_time",
        f"{FETCH}::test_name_servers_that_hang",
        "tests/unit/images/test_fair_queues.py::test_a_silent_party_does_not_fill_the_events_in_flight",
        "tests/unit/indexer/test_fetch_stage.py::test_what_hangs_leaves_room",
    ),
    "an image host that is away": (f"{IMAGES}::test_image_hosts_away", f"{HOSTS}::test_a_host_that_never_returns"),
}

ENCODER_CASES = {
    "out of memory on a batch": (
        "tests/unit/indexer/test_batch_encoding.py::test_a_batch_that_does_not_fit_is_halved",
        "tests/unit/indexer/test_batch_encoding.py::test_the_one_picture_that_never_fits",
    ),
    "device lost": ("tests/unit/indexer/test_batch_encoding.py::test_what_torch_says",),
    "NaN, infinite or zero vector": ("tests/unit/models/test_recipe.py::test_vectors_that_are_none",),
    "a weight file whose hash differs": (
        "tests/unit/models/test_recipe.py::test_weights_that_are_not_those_of_the_recipe",
    ),
    "pickled weights": (
        "tests/unit/models/test_recipe.py::test_pickled_weights",
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
        "tests/unit/milvus/test_client.py::test_told_apart",
    ),
    "one row of a batch refused": ("tests/behaviour/milvus/test_store.py::test_a_refused_row_stands_alone",),
    "killed -9 after it acknowledged": (
        f"{MILVUS}::test_milvus_killed_and_restarted",
        "tests/local/test_lite.py::test_written_by_several_at_once_and_killed",
    ),
    "read while it writes its memory to the disk": ("tests/local/test_lite.py::test_read_while_it_flushes",),
}

CASES = {**WORKER_CASES, **PAYLOAD_CASES, **IMAGE_CASES, **ENCODER_CASES, **MILVUS_CASES}
