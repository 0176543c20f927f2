"""A simulated market does what its truth says, and does it again."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from streams.errors import LookalikeError
from workers.interactions.scan import scan
from workers.simulate import ranking
from workers.simulate.behaviour import BUYS, LIKES
from workers.simulate.disturbances import SCENARIOS, calendar
from workers.simulate.examination_model import LAYOUTS, WIDTH
from workers.simulate.market import Market, Setup, Trace
from workers.simulate.order import NO, SHUFFLE
from workers.simulate.parquet import write_parquet
from workers.simulate.pictures import read_pictures
from workers.simulate.shelf import CANCEL, CLICK, LIKE, PURCHASE, SEEN, Actions, together

HOURS = 24


def _run(scenario: str = "calm", days: int = 2, shelves: int = 2_000, **setup: float) -> tuple[Market, list[Trace]]:
    made = Setup(calendar(scenario), days=days, shelves_per_day=shelves, listings=1_500, **setup)  # type: ignore[arg-type]
    market = Market(made, read_pictures())
    return market, list(market.hours())


def _all(traces: Sequence[Trace]) -> Actions:
    return together(*(trace.hour.actions for trace in traces))


@pytest.fixture(scope="module")
def calm() -> tuple[Market, list[Trace]]:
    """Eight days in which nothing happens, and nobody trusts a place."""
    market = Market(
        Setup(calendar("calm", without=["trust"]), days=8, shelves_per_day=4_000, listings=1_500, randomised=0.5),
        read_pictures(),
    )
    return market, list(market.hours())


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the same, however many are ranked at once; another seed another; a longer run begins as the shorter one."""
    for name, days, seed in (("first", 2, 5), ("again", 2, 5), ("longer", 3, 5), ("other", 2, 6)):
        if name == "again":
            monkeypatch.setattr(ranking, "ROWS", 7)
        write_parquet(tmp_path / name, "all", days=days, shelves_per_day=300, seed=seed, listings=800)
    first, again, longer, other = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.parquet")}
        for name in ("first", "again", "longer", "other")
    )
    assert len(first) == 2
    assert first == again
    assert {path: longer[path] for path in first} == first
    assert set(other) != set(first) or other != first


def test_the_files_are_the_recorders_own(tmp_path: Path) -> None:
    """They are read as the recorder's are, every record once, in the order of their times."""
    market = write_parquet(tmp_path, days=2, shelves_per_day=200, listings=800)
    records = scan(tmp_path).sort("offset").collect()
    assert records["offset"].to_list() == list(range(records.height))
    assert records["at"].is_sorted()
    assert records["at"].min().date() == market.setup.start  # type: ignore[union-attr]
    ids = records.filter(records["event"] != "shelf")["event_id"]
    assert ids.n_unique() == len(ids) > 0
    assert scan(tmp_path, since=date(2026, 9, 2)).collect().height < records.height


def test_nothing_happens_before_what_it_follows(calm: tuple[Market, list[Trace]]) -> None:
    """No event before its shelf, no cancel before its purchase, and each hour tells what happened within it."""
    _, traces = calm
    shelf_at = dict(
        pair
        for trace in traces
        for pair in zip(trace.hour.shelves.number.tolist(), trace.hour.shelves.at.tolist(), strict=True)
    )
    actions = _all(traces)
    assert all(shelf_at[shelf] < at for shelf, at in zip(actions.shelf.tolist(), actions.at.tolist(), strict=True))
    assert (np.diff(actions.at) >= 0).all()
    bought = actions.where(actions.kind == PURCHASE)
    undone = actions.where(actions.kind == CANCEL)
    sold_at = dict(zip(bought.listing.tolist(), bought.at.tolist(), strict=True))
    assert len(undone) > 0
    assert all(sold_at[listing] < at for listing, at in zip(undone.listing.tolist(), undone.at.tolist(), strict=True))


def test_a_thing_is_sold_once_and_leaves(calm: tuple[Market, list[Trace]]) -> None:
    """A listing has one purchase at most, is gone with it, and stands on no shelf of a later hour."""
    market, traces = calm
    actions = _all(traces)
    bought = actions.where(actions.kind == PURCHASE)
    assert len(np.unique(bought.listing)) == len(bought) > 20
    gone = np.concatenate([trace.hour.gone for trace in traces])
    assert set(bought.listing.tolist()) <= set(gone.tolist())
    for trace in traces:
        begin = market.setup.midnight + trace.hour.number * 3_600_000_000
        assert (market.stock.all.gone_at[trace.hour.shelves.listing] >= begin).all()
        assert (market.stock.all.listed_at[trace.hour.shelves.listing] <= begin).all()
        assert (trace.hour.shelves.listing != trace.hour.shelves.query[:, None]).all()


def test_places_are_looked_at_as_the_truth_says(calm: tuple[Market, list[Trace]]) -> None:
    """Of shuffled shelves, clicks by place over what attracted there give back the examination curve."""
    _, traces = calm
    for layout in (0, 2):
        clicks, attraction = np.zeros(WIDTH), np.zeros(WIDTH)
        for trace in traces:
            shelves, actions = trace.hour.shelves, _all(traces[trace.hour.number : trace.hour.number + 2])
            rows = (shelves.layout == layout) & (shelves.drawn == SHUFFLE)
            heard = rows & np.isin(shelves.number, actions.shelf[actions.kind == SEEN])
            attraction += trace.attracts[heard].sum(axis=0)
            clicked = actions.where((actions.kind == CLICK) & np.isin(actions.shelf, shelves.number[heard]))
            clicks += np.bincount(clicked.place - 1, minlength=WIDTH)
        found, expected = clicks / attraction, LAYOUTS[layout].examined
        assert (np.abs(found - expected) < 4 * np.sqrt(expected / attraction)).all(), (layout, found, expected)


def test_what_follows_a_click_comes_as_often_as_stated(calm: tuple[Market, list[Trace]]) -> None:
    """Likes and purchases, of clicks; a few purchases find their listing gone, or are still to come."""
    _, traces = calm
    counts = np.bincount(_all(traces).kind, minlength=6)
    assert counts[LIKE] / counts[CLICK] == pytest.approx(LIKES, abs=0.02)
    assert 0.5 * BUYS < counts[PURCHASE] / counts[CLICK] < BUYS


def test_few_people_make_most_visits(calm: tuple[Market, list[Trace]]) -> None:
    """The busiest tenth of those who came makes over a third of all visits."""
    _, traces = calm
    visits = np.sort(np.bincount(np.concatenate([trace.hour.shelves.user for trace in traces])))[::-1]
    came = int((visits > 0).sum())
    assert visits[: came // 10].sum() > visits.sum() / 3


def test_bots_click_in_bursts_and_buy_nothing() -> None:
    """On their days alone, and they are told in the truth."""
    made = Setup(calendar("calm", moved={"bots": 1}), days=2, shelves_per_day=1_500, listings=1_500)
    market = Market(made, read_pictures())
    traces = list(market.hours())
    first, second = traces[:HOURS], traces[HOURS:]
    assert not any(trace.bot.any() for trace in first)
    numbers = np.concatenate([trace.hour.shelves.number[trace.bot] for trace in second])
    assert 40 < len(numbers) < 160
    users = np.concatenate([trace.hour.shelves.user[trace.bot] for trace in second])
    assert set(users.tolist()) <= set(market.people.bots.tolist())
    actions = _all(second)
    theirs = actions.where(np.isin(actions.shelf, numbers))
    kinds = np.bincount(theirs.kind, minlength=6)
    assert kinds[CLICK] > 6 * len(numbers)
    assert kinds[LIKE] == kinds[PURCHASE] == 0


def test_a_release_moves_the_apps_layout_and_nothing_else() -> None:
    """After its first days most of the app's shelves are a grid; the same people see the same listings as without."""
    made = calendar("calm", moved={"release": 0})
    _, calm = _run(days=6, shelves=500)
    market = Market(Setup(made, days=6, shelves_per_day=500, listings=1_500), read_pictures())
    released = list(market.hours())
    last = np.concatenate([trace.hour.shelves.layout for trace in released[-HOURS:]])
    assert (last == 1).mean() == pytest.approx(0.7 * 0.9, abs=0.1)
    for one, other in zip(calm[:HOURS], released[:HOURS], strict=True):
        assert (one.hour.shelves.user == other.hour.shelves.user).all()
        assert (one.hour.shelves.listing == other.hour.shelves.listing).all()


def test_new_categories_come_at_their_date() -> None:
    """Before it there is not one such listing; after it they are asked for as often as stated."""
    made = calendar("calm", moved={"new-categories": 1})
    market = Market(Setup(made, days=8, shelves_per_day=1_000, listings=1_500), read_pictures())
    share = []
    for trace in market.hours():
        new = market.kinds.new[market.stock.all.category[trace.hour.shelves.query]]
        share.append(new.mean() if len(new) else 0.0)
    assert not any(share[:HOURS])
    assert np.mean(share[-HOURS:]) == pytest.approx(0.3, abs=0.05)


def test_the_live_model_decays_and_the_anchor_does_not() -> None:
    """From its date on what the live model shows attracts less; without a decay it attracts as much as before."""
    made = calendar("calm", moved={"decay": 2})
    market = Market(Setup(made, days=12, shelves_per_day=1_000, listings=1_500), read_pictures())
    plain = [_attraction(trace) for trace in _run(days=12, shelves=1_000)[1]]
    found = [_attraction(trace) for trace in market.hours()]
    assert found[: 2 * HOURS] == plain[: 2 * HOURS]
    assert np.nanmean(found[-HOURS:]) < 0.85 * np.nanmean(plain[-HOURS:])


def _attraction(trace: Trace) -> float:
    shown = trace.attracts[trace.hour.shelves.drawn == NO, :5]
    return float(shown.mean()) if len(shown) else 0.0


def test_every_scenario_is_known() -> None:
    """Each holds disturbances that there are; what is not there is refused by name."""
    for name in SCENARIOS:
        assert calendar(name).held
    assert "bots" not in calendar("all", without=["bots"]).held
    with pytest.raises(LookalikeError, match="no scenario 'storm'"):
        calendar("storm")
    with pytest.raises(LookalikeError, match="no disturbance 'rain'"):
        calendar("all", without=["rain"])
