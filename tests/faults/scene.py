"""A scene: one catalogue on the ground, its workers behind the proxies, and an image host."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka.admin import NewTopic

from awaiting import eventually
from catalogue import Catalogue, catalogue, next_prefix
from faults.ground import Ground, Store
from program import IndexWorker
from streams.clients import admin
from streams.settings import Settings
from streams.topics import LISTING_PARTITIONS, LISTING_TOPICS, TOPICS
from web import Web

IN_HAND = 60
"""The capacity that workers are given, unless a case needs the default: small, so that its bound can be seen."""
DEFAULT_IN_HAND = 2_000


@dataclass
class Crew:
    """The workers of a catalogue. They live from case to case, as workers do, unless a case ends them."""

    settings: Settings
    arguments: tuple[str, ...]
    group: str
    partitions: int
    members: list[IndexWorker] = field(default_factory=list)

    def start(self, *, await_ready: bool = True, settings: Settings | None = None) -> IndexWorker:
        """One more worker; with other settings where they are given."""
        worker = IndexWorker(settings or self.settings, *self.arguments, imported=False)
        self.members.append(worker)
        if await_ready:
            worker.await_ready()
        return worker

    def ready(self, count: int = 1) -> list[IndexWorker]:
        """Exactly so many workers that live, and share the partitions evenly."""
        for worker in [each for each in self.members if not each.running]:
            self.members.remove(worker)
            worker.close()
        for worker in self.members[count:]:
            self.dismiss(worker)
        while len(self.members) < count:
            self.start(await_ready=False)
        for worker in self.members:
            worker.await_ready()
        eventually(self.shared, f"{count} workers share the partitions", seconds=150)
        return list(self.members)

    def shared(self) -> bool:
        """Whether every partition has one owner, and each worker its share, none of them moving."""
        shares = [partitions(each) for each in self.members]
        owned = [number for share in shares for number in share]
        counts = [len(share) for share in shares]
        if len(set(owned)) != len(owned) or len(owned) != self.partitions or max(counts) - min(counts) > 1:
            return False
        return len(self.group_members()) == len(self.members)

    def group_members(self) -> list[str]:
        """The members of the group as the broker knows them."""
        return group_members(self.settings, self.group)

    def dismiss(self, worker: IndexWorker) -> None:
        """SIGTERM: it must end well."""
        assert worker.terminate() == 0, worker.log()
        self.members.remove(worker)
        worker.close()

    def kill(self, worker: IndexWorker) -> None:
        """SIGKILL."""
        worker.kill()
        self.members.remove(worker)
        worker.close()

    def close(self) -> None:
        """Whatever they are doing, they end now."""
        for worker in self.members:
            worker.close()
        self.members.clear()


def partitions(worker: IndexWorker) -> list[int]:
    """The partitions that a worker was given last."""
    assigned = worker.events("assigned")
    return [int(each) for each in assigned[-1]["partitions"]] if assigned else []


def group_members(settings: Settings, group: str) -> list[str]:
    """The members of a group as the broker knows them, sorted; none while it is rebalancing."""
    client = admin(settings)  # it must live until it has answered
    described = client.describe_consumer_groups([group], request_timeout=10)[group].result(timeout=20)
    if described.state.name != "STABLE":
        return []
    return sorted(each.member_id for each in described.members)


@dataclass(frozen=True)
class Scene:
    """Where a case plays."""

    ground: Ground
    store: Store
    shop: Catalogue
    crew: Crew
    web: Web
    """Image hosts that behave."""


@contextlib.contextmanager
def scene(
    ground: Ground,
    store: str,
    web: Web,
    folder: Path,
    *arguments: str,
    partitions: int = LISTING_PARTITIONS,
    hosts: Sequence[str] = (),
) -> Iterator[Scene]:
    """A catalogue of its own on `store`, with no worker yet; `hosts` are further ones that pictures may come from."""
    chosen, prefix = ground.store(store), next_prefix()
    allowed = ("*", *hosts, *(host.rsplit(":", 1)[0] for host in web.hosts))
    if partitions != LISTING_PARTITIONS:
        _create_listing_topics(ground.settings.model_copy(update={"prefix": prefix}), partitions)
    with catalogue(ground.settings, folder, milvus=chosen.uri, image_hosts=allowed, prefix=prefix) as shop:
        group = shop.settings.named(shop.group)
        crew = Crew(ground.through_proxies(shop.settings), ("--device", "cpu", *arguments), group, partitions)
        try:
            yield Scene(ground, chosen, shop, crew, web)
        finally:
            crew.close()


def _create_listing_topics(settings: Settings, partitions: int) -> None:
    client = admin(settings)
    topics = [
        NewTopic(settings.named(topic.name), partitions, config={"cleanup.policy": topic.policy})
        for topic in TOPICS
        if topic.name in LISTING_TOPICS
    ]
    for done in client.create_topics(topics).values():
        done.result(timeout=20)
