"""The fault suite's ground, scenes and cases, and its table at the end."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack

import pytest

from faults.case import Case
from faults.chosen import OUTAGE, ROWS, SEED
from faults.ground import Ground, ground
from faults.scene import IN_HAND, Scene, scene
from faults.table import Row, as_table, keep
from streams.topics import LISTING_PARTITIONS
from web import Web, web_server

MakeCase = Callable[..., Case]
_rows = pytest.StashKey[list[Row]]()


IMAGE_HOSTS = tuple(f"127.0.0.{number}" for number in range(1, 33))
"""So many that what hangs in a case fits the shares of its hosts, however slow they were in the cases before."""


@pytest.fixture(scope="session")
def web() -> Iterator[Web]:
    """Image hosts on loopback."""
    with web_server(addresses=IMAGE_HOSTS) as server:
        yield server


@pytest.fixture(scope="session")
def fault_ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Kafka and Milvus, each part of which may be killed."""
    with ground(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.fixture(scope="session")
def scenes(fault_ground: Ground, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Scene]]:
    """A scene by its store and its workers' capacity. Only the scene that was asked for last has workers."""
    made: dict[tuple[str, int], Scene] = {}
    with ExitStack() as stack:

        def find(store: str = "lite", in_hand: int = IN_HAND) -> Scene:
            key = (store, in_hand)
            for other, found in made.items():
                if other != key:
                    found.crew.close()
            if key not in made:
                folder = tmp_path_factory.mktemp("pictures")
                opened = scene(fault_ground, store, web, folder, "--in-hand", str(in_hand))
                made[key] = stack.enter_context(opened)
            return made[key]

        yield find


@pytest.fixture
def own_scene(
    fault_ground: Ground, web: Web, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Scene]]:
    """Scenes of the test's own: nothing is on their topics, and what it does to them is gone with it."""
    with ExitStack() as stack:

        def find(*arguments: str, partitions: int = LISTING_PARTITIONS, hosts: Sequence[str] = ()) -> Scene:
            folder = tmp_path_factory.mktemp("pictures")
            chosen = ("--in-hand", str(IN_HAND), *arguments)
            opened = scene(fault_ground, "lite", web, folder, *chosen, partitions=partitions, hosts=hosts)
            return stack.enter_context(opened)

        yield find


@pytest.fixture
def make_case(request: pytest.FixtureRequest, fault_ground: Ground) -> Iterator[MakeCase]:
    """A case by its name and scene. Whatever it does, the ground is healed after it; it must ask the ledger."""
    made: list[Case] = []

    def make(name: str, on: Scene) -> Case:
        _say(request.config, f"{name}: begins")
        made.append(Case(name, on))
        return made[-1]

    yield make
    fault_ground.heal()
    for case in made:
        if case.row is not None:
            request.config.stash.setdefault(_rows, []).append(case.row)
            keep(case.row, ROWS)
            _say(request.config, as_table([case.row])[2])
    failed = request.node.stash.get(_failed, True)
    assert failed or all(case.row is not None for case in made), "a case that did not ask the ledger"


_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the fixtures whether the test itself has failed."""
    report = yield
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table."""
    if rows := config.stash.get(_rows, []):
        terminalreporter.section(f"faults, seed {SEED}, outages of {OUTAGE:.0f} s")
        for line in as_table(rows):
            terminalreporter.write_line(line)


def _say(config: pytest.Config, line: str) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"\n{line}")
