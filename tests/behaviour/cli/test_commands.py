"""The main job by the command line, each command in a process of its own."""

import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import NewTopic

from catalogue import Catalogue, dumped, next_prefix
from pictures import encoded, image, jpeg
from program import Ended, document, failed, run
from schemas.registry import SCHEMAS, json_schema
from streams.clients import admin
from streams.settings import Settings
from streams.topics import DEAD_LETTER, INDEXED, LISTING_PARTITIONS, TOPICS, UPDATED
from workers.local.ports import free_port
from workers.local.state import read_state, take_lock, write_state
from workers.milvus.collection import collection_names
from workers.milvus.counts import rows_by_status

FIELDS = {"listing_id", "score", "title", "category", "price_minor", "currency", "status", "version"}


@pytest.fixture(scope="module")
def market(shop: Catalogue, worker: object, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Listings published by the command line and indexed: ids by name."""
    wanted: list[tuple[str, str, dict[str, Any]]] = [
        ("red", "cli/shoes", {"price_minor": 100, "currency": "EUR"}),
        ("blue", "cli/shoes", {"price_minor": 900, "currency": "EUR"}),
        ("yen", "cli/shoes", {"price_minor": 50, "currency": "JPY"}),
        ("sold", "cli/shoes", {"price_minor": 1, "currency": "EUR"}),
        ("hat", "cli/hats", {"brand": "Acme"}),
        ("twin", "cli/hats", {}),
    ]
    ids = {name: f"cli-{name}" for name, *_ in wanted}
    pictures = {name: shop.picture(900 + number, f"cli-{name}") for number, (name, *_) in enumerate(wanted)}
    pictures["twin"] = shop.picture(904, "cli-twin")  # the very picture of the hat
    events = [
        shop.event(
            ids[name],
            1,
            event="listing-created",
            title=f"a {name} thing",
            category=category.split("/"),
            image_urls=[pictures[name]],
            **more,
        )
        for name, category, more in wanted
    ]
    file = tmp_path_factory.mktemp("jsonl") / "listings.jsonl"
    file.write_bytes(b"\n".join(dumped(each) for each in events) + b"\n\n")
    told = document(run(shop.settings, "publish", str(file), "--json"))
    assert told == {"published": 6, "rejected": 0, "failed": 0, "errors": []}
    shop.at_rest()
    sale = {**events[3], "event": "listing-updated", "version": 2, "status": "sold_out"}
    assert document(run(shop.settings, "publish", "-", "--json", stdin=json.dumps(sale)))["published"] == 1
    shop.at_rest()
    return ids


def ids_of(told: dict[str, Any]) -> list[str]:
    """The neighbours' ids, nearest first."""
    assert all(set(each) == FIELDS for each in told["neighbors"])
    return [each["listing_id"] for each in told["neighbors"]]


def test_neighbors_of_a_listing(shop: Catalogue, market: dict[str, str]) -> None:
    """On-sale listings, nearest first, without itself; the model is told, and nothing else is on stdout."""
    told = document(run(shop.settings, "neighbors", market["red"], "--category", "cli", "--json"))
    assert (told["model"], told["query"]) == (shop.model_id, market["red"])
    assert sorted(ids_of(told)) in ([f"cli-{n}" for n in ("blue", kept, "yen")] for kept in ("hat", "twin"))
    scores = [each["score"] for each in told["neighbors"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--category", "cli/shoes"), {"blue", "yen"}),
        (("--category", "cli/shoes", "--include-sold"), {"blue", "yen", "sold"}),
        (("--category", "cli", "--max-price", "900", "--currency", "EUR"), {"blue"}),
        (("--category", "cli", "--filter", 'brand == "Acme"'), {"hat"}),
        (("--category", "cli", "--keep-duplicates"), {"blue", "yen", "hat", "twin"}),
        (("--category", "cli", "--min-score", "1.1"), set()),
        (("--category", "no/such"), set()),
    ],
)
def test_filters(shop: Catalogue, market: dict[str, str], options: tuple[str, ...], expected: set[str]) -> None:
    """Each narrows, or widens, what is found."""
    told = document(run(shop.settings, "neighbors", market["red"], *options, "--json"))
    assert set(ids_of(told)) == {market[name] for name in expected}


def test_neighbors_of_a_picture(shop: Catalogue, market: dict[str, str], tmp_path: Path) -> None:
    """A copy of a listing's picture finds that listing first, with a score of 1."""
    (tmp_path / "copy.jpg").write_bytes(jpeg(901))
    told = document(run(shop.settings, "neighbors", "--image", str(tmp_path / "copy.jpg"), "-k", "2", "--json"))
    assert ids_of(told)[0] == market["blue"]
    assert len(told["neighbors"]) == 2
    assert told["neighbors"][0]["score"] == pytest.approx(1, abs=1e-3)


def test_neighbors_of_a_text(shop: Catalogue, market: dict[str, str]) -> None:
    """As a table for people too."""
    ended = run(shop.settings, "neighbors", "--text", "a red apple", "-k", "3", "--category", "cli")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].split() == ["listing", "score", "title", "category", "price", "currency"]
    assert len(lines) == 4
    shoes = run(shop.settings, "neighbors", market["hat"], "--category", "cli/shoes").stdout.splitlines()
    assert {tuple(line.split()[-2:]) for line in shoes[1:]} == {("1.00", "EUR"), ("9.00", "EUR"), ("50", "JPY")}


def test_an_unknown_listing(shop: Catalogue, market: dict[str, str]) -> None:
    """Exit 1, and where to look."""
    assert "lookalike explain nobody" in failed(run(shop.settings, "neighbors", "nobody"), 1)


def test_questions_that_are_none(shop: Catalogue, market: dict[str, str], tmp_path: Path) -> None:
    """Exit 2: no query, two, a price without a currency, a filter that is none, a picture that is none."""
    (tmp_path / "page.jpg").write_text("<html>")
    for arguments in (
        (),
        ("a", "--text", "b"),
        ("a", "--max-price", "5"),
        (market["red"], "--filter", "brand =="),
        ("--image", str(tmp_path / "none.jpg")),
        ("--image", str(tmp_path / "page.jpg")),
    ):
        failed(run(shop.settings, "neighbors", *arguments), 2)


def test_publish_names_each_bad_line(shop: Catalogue, market: dict[str, str], tmp_path: Path) -> None:
    """With file, line and reason; the good ones are published all the same, and the exit status is 2."""
    good = {"listing_id": "cli-gone", "version": 1, "status": "removed", "event": "listing-updated"}
    file = tmp_path / "some.jsonl"
    lines = [dumped(good), b"not json", b"", dumped({**good, "version": "1"}), dumped(good | {"event": None})]
    file.write_bytes(b"\n".join(lines))
    ended = run(shop.settings, "publish", str(file), "-", "--json", stdin=json.dumps(good) + "\n[]\n")
    told = document(ended, 2)
    assert (told["published"], told["rejected"], told["failed"]) == (2, 4, 0)
    assert [each["line"] for each in told["errors"]] == [f"{file}:2", f"{file}:4", f"{file}:5", "-:2"]
    assert "version" in told["errors"][1]["reason"]
    assert "event" in told["errors"][2]["reason"]
    assert f"{file}:2: " in ended.stderr


def test_publish_bytes_that_are_no_text(shop: Catalogue, tmp_path: Path) -> None:
    """From a file as from stdin: the line is named and nothing is replaced, and what nobody can fetch is named too."""
    good = {"listing_id": "cli-gone", "version": 1, "status": "removed", "event": "listing-updated"}
    never = good | {"status": "on_sale", "title": "t", "image_urls": ["https://img.example:99999/1.jpg"]}
    lines = b"\xef\xbb\xbf" + b"\n".join(
        [dumped(good), dumped(good | {"title": "caf_"}).replace(b"_", b"\xe9"), dumped(never)]
    )
    file = tmp_path / "latin.jsonl"
    file.write_bytes(lines)
    for name, given in ((str(file), b""), ("-", lines)):
        told = document(run(shop.settings, "publish", name, "--json", stdin=given), 2)
        assert (told["published"], told["rejected"], told["failed"]) == (1, 2, 0)
        assert [each["line"] for each in told["errors"]] == [f"{name}:2", f"{name}:3"]
        assert "it is not UTF-8: byte 0xe9" in told["errors"][0]["reason"]
        assert "port" in told["errors"][1]["reason"]


def test_publish_pictures(shop: Catalogue, market: dict[str, str]) -> None:
    """Every picture below a folder becomes a listing: its title from the name, its category from the folders."""
    folder = shop.folder / "many" / "garden"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"green_leaf-{number}.png").write_bytes(encoded(image(950 + number), "PNG"))
    (folder / "notes.txt").write_text("no picture")
    told = document(run(shop.settings, "publish", "--images", str(folder.parent), "--json"))
    assert (told["published"], told["passed_over"]) == (3, 1)
    shop.at_rest()
    found = document(run(shop.settings, "neighbors", "cli-red", "--category", "garden", "--json"))
    assert {each["title"] for each in found["neighbors"]} == {f"green leaf {number}" for number in range(3)}


def test_publish_nothing(shop: Catalogue, tmp_path: Path) -> None:
    """Exit 2: no file, one that is not there, a folder without pictures."""
    for arguments in ((), ("/no/such.jsonl",), ("--images", str(tmp_path)), ("--images", "/no/such")):
        failed(run(shop.settings, "publish", *arguments), 2)


def test_status(shop: Catalogue, market: dict[str, str]) -> None:
    """What is live, rows by status as Milvus counts them, lag and letters; nothing is down."""
    told = document(run(shop.settings, "status", "--json"))
    expected = rows_by_status(shop.client, collection_names(shop.settings, shop.model_id))
    assert expected["sold_out"] > 0
    assert told["rows"] == expected
    assert (told["model"], told["lag"], told["workers"], told["down"]) == (shop.model_id, 0, 1, [])
    assert told["collection"] == collection_names(shop.settings, shop.model_id).listings
    assert told["dead_letters"] == sum(told["dead_letters_by_reason"].values())
    assert "live model" in run(shop.settings, "status").stdout


def test_lag(shop: Catalogue, market: dict[str, str]) -> None:
    """By group, topic and partition; 0 at rest. What nobody reads is lag, and crosses a threshold."""
    told = document(run(shop.settings, "lag", "--json", "--fail-above", "0"))
    assert told["total"] == 0
    assert {each["group"] for each in told["groups"]} == {shop.settings.named(shop.group)}
    assert len(told["groups"]) == 3 * LISTING_PARTITIONS
    assert {"committed", "end", "lag", "oldest_unread_seconds", "topic", "partition"} < set(told["groups"][0])


def test_lag_of_a_group_that_stands_still(shop: Catalogue, tmp_path: Path) -> None:
    """Records after its commit count, those of an aborted transaction and markers do not."""
    from confluent_kafka import Consumer, Producer, TopicPartition

    from streams.clients import client_config
    from streams.topics import create

    still = shop.settings.model_copy(update={"prefix": next_prefix()})
    create(still)
    topic = still.named(UPDATED)
    publisher = Producer(client_config(still, transactional_id=still.named("p")))
    publisher.init_transactions(30)
    for end in (publisher.commit_transaction, publisher.abort_transaction):
        publisher.begin_transaction()
        for _ in range(3):
            publisher.produce(topic, b"{}", b"k", partition=0)
        publisher.flush(30)
        end(30)
    group = Consumer(client_config(still, group_id=still.named("lookalike-record"), enable_auto_commit=False))
    for committed, expected in ((1, True), (3, False)):
        group.commit(offsets=[TopicPartition(topic, 0, committed)], asynchronous=False)
        ended = run(still, "lag", "--json", "--fail-above", "0")
        told = document(ended, 1 if expected else 0)
        assert (told["total"] > 0) is expected
        [place] = [each for each in told["groups"] if (each["topic"], each["partition"]) == (topic, 0)]
        assert (place["oldest_unread_seconds"] is not None) is expected
    group.close()


def test_dead_letters(shop: Catalogue, market: dict[str, str]) -> None:
    """Listed by reason, shown with their raw bytes by place and by listing."""
    source = shop.send(UPDATED, "cli-bad", b"\xffnot json")
    shop.letter_of(source)
    told = document(run(shop.settings, "dead-letters", "list", "--reason", "deserialize", "--limit", "1", "--json"))
    assert told["count"] == told["by_reason"]["deserialize"] >= 1
    assert [each["key"] for each in told["letters"]] == ["cli-bad"]
    assert set(told["letters"][0]) == {
        "topic",
        "partition",
        "offset",
        "key",
        "reason",
        "error",
        "attempts",
        "at",
        "replayed",
    }
    for name in ("cli-bad", f"{source.topic}:{source.partition}:{source.offset}"):
        shown = document(run(shop.settings, "dead-letters", "show", name, "--json"))
        assert (shown["offset"], shown["value_base64"]) == (source.offset, "/25vdCBqc29u")
    assert "dead-letters list" in failed(run(shop.settings, "dead-letters", "show", "nobody"), 1)


def test_explain(shop: Catalogue, market: dict[str, str]) -> None:
    """A sentence, and what it was drawn from: events, outcomes, row."""
    told = document(run(shop.settings, "explain", market["sold"], "--json"))
    assert told["answer"] == "It is in the index at version 2, sold_out: shown only with --include-sold."
    assert [each["version"] for each in told["events"]] == [1, 2]
    assert told["outcome"] in ("metadata", "indexed", "superseded", "removed")
    assert told["row"]["status"] == "sold_out"
    page = run(shop.settings, "explain", market["sold"]).stdout
    assert "price       0.01 EUR" in page
    assert "{" not in page
    unknown = run(shop.settings, "explain", "nobody")
    assert unknown.returncode == 1
    assert "unknown" in unknown.stdout


def test_topics(shop: Catalogue) -> None:
    """Missing ones are told by check and made by create, as often as one likes; what differs is told."""
    fresh = shop.settings.model_copy(update={"prefix": next_prefix()})
    told = document(run(fresh, "topics", "check", "--json"), 1)
    assert [each["ok"] for each in told["topics"]] == [False] * len(TOPICS)
    for _ in range(2):
        made = document(run(fresh, "topics", "create", "--json"))
        assert [(each["name"], each["ok"], each["problem"]) for each in made["topics"]] == [
            (fresh.named(topic.name), True, "") for topic in TOPICS
        ]
    odd = shop.settings.model_copy(update={"prefix": next_prefix()})
    client = admin(odd)
    wrong = [NewTopic(odd.named(UPDATED), 5), NewTopic(odd.named(INDEXED), 1, config={"cleanup.policy": "compact"})]
    for done in client.create_topics(wrong).values():
        done.result(30)
    made = document(run(odd, "topics", "create", "--json"), 1)
    problems = {each["name"].removeprefix(odd.prefix): each["problem"] for each in made["topics"]}
    assert "partition counts" in problems["listing-created"]
    assert "cleanup.policy" in problems[INDEXED]
    assert problems[DEAD_LETTER] == ""


def test_schema(tmp_path: Path) -> None:
    """Each is printed as JSON, without a broker."""
    settings = Settings(data=tmp_path)
    for name in SCHEMAS:
        assert document(run(settings, "schema", name)) == json_schema(name)
    assert "listing-created" in failed(run(settings, "schema", "nothing"), 2)


@pytest.fixture(scope="module")
def away() -> Settings:
    """Settings that lead nowhere."""
    return Settings(kafka=f"127.0.0.1:{free_port()}", milvus=f"http://127.0.0.1:{free_port()}")


NEED_KAFKA = ("topics check", "topics create", "lag", "dead-letters list", "publish -", "explain m1")


@pytest.fixture(scope="module")
def ended_away(away: Settings) -> dict[str, Ended]:
    """Commands whose services are away, run at once: each waits ten seconds for an answer."""
    event = json.dumps({"event": "listing-updated", "listing_id": "a", "version": 1, "status": "removed"})
    commands = [*NEED_KAFKA, "neighbors m1", "status --json"]
    with ThreadPoolExecutor(len(commands)) as pool:
        return dict(zip(commands, pool.map(lambda each: run(away, *each.split(), stdin=event), commands), strict=True))


@pytest.mark.parametrize("command", NEED_KAFKA)
def test_kafka_away(away: Settings, ended_away: dict[str, Ended], command: str) -> None:
    """Exit 3, with the address and what to try."""
    line = failed(ended_away[command], 3)
    assert away.kafka in line
    assert "lookalike up" in line


def test_milvus_away(away: Settings, ended_away: dict[str, Ended]) -> None:
    """Exit 3, with the address and what to try."""
    line = failed(ended_away["neighbors m1"], 3)
    assert away.milvus in line
    assert "lookalike up" in line


def test_all_away(ended_away: dict[str, Ended]) -> None:
    """Status shows what it can, names both, and exits 3."""
    ended = ended_away["status --json"]
    told = document(ended, 3)
    assert [service in line for service, line in zip(("Milvus", "Kafka"), told["down"], strict=True)] == [True, True]
    assert ended.stderr.strip().splitlines()[-1].startswith("lookalike: ")


def test_nothing_indexed_yet(shop: Catalogue, tmp_path: Path) -> None:
    """A catalogue without a worker: exit 1, and how to start one; a worker that ends again and again is named, with its
    last words."""
    empty = shop.settings.model_copy(update={"prefix": next_prefix(), "data": tmp_path})
    assert "lookalike worker index" in failed(run(empty, "neighbors", "m1"), 1)
    ends = {"name": "index-1", "state": "running", "problem": "100 events in a row", "ended_at": [time.time()] * 3}
    with contextlib.closing(take_lock(empty)):
        write_state(empty, read_state(empty) | {"processes": [ends]})
        told = document(run(empty, "status", "--json"), 1)
    assert (told["model"], told["rows"], told["lag"], told["workers"]) == (None, None, 0, 0)
    none, again = told["down"]
    assert "no index worker is running" in none
    assert again.startswith("index-1 has ended 3 times in the last hour, last with: 100 events in a row")


def test_wrong_usage(away: Settings) -> None:
    """Exit 2 for what is no command, no option or no number, and for settings that are none."""
    for arguments in (
        ("nothing",),
        ("lag", "--nothing"),
        ("neighbors", "a", "-k", "many"),
        ("neighbors", "a", "-k", "0"),
    ):
        ended = run(away, *arguments)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "Traceback" not in ended.stderr
    assert "LOOKALIKE_KAFKAA" in failed(run(away, "lag", LOOKALIKE_KAFKAA="x"), 2)
    assert "LOOKALIKE_PREFIX" in failed(run(away, "--prefix", "Upper", "lag"), 2)


def test_every_command_has_an_example() -> None:
    """Each command's help has a line that can be pasted, and that names the command."""
    import typer

    from workers.cli.program import app

    def commands(group: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
        found = []
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                found += commands(command, (*path, name))
            else:
                found.append(((*path, name), command.help or ""))
        return found

    all_commands = commands(typer.main.get_command(app), ())
    assert {"publish", "neighbors", "lag", "status", "explain", "schema"} <= {path[0] for path, _ in all_commands}
    for path, text in all_commands:
        assert f"Example: lookalike {' '.join(path)}" in text, path
