"""`lookalike simulate`: a marketplace with a hidden truth, published to the real topics."""

import json
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.errors import LookalikeError, ServiceUnavailable, UsageError
from streams.hash_key_pin import catalogue_key
from streams.keyed_hash import read_hash_key
from streams.publish import Delivered
from streams.settings import Settings
from workers.cli.options import command_options
from workers.cli.output import JsonOption, Progress, say, settings_of, show

if TYPE_CHECKING:  # numpy and the pictures' reader are loaded when the command runs
    from workers.simulate.market import Setup
    from workers.simulate.run import Run


@dataclass(frozen=True)
class SimulationOptions:
    """The market, its disturbances, and what of it is published."""

    images: Annotated[Path | None, typer.Option(help="A folder of your own pictures, in place of the demo's.")] = None
    start: Annotated[str, typer.Option(metavar="DATE", help="The first day of the simulation.")] = "2026-09-01"
    days: Annotated[int, typer.Option(min=1, max=3_650, help="The number of days.")] = 60
    shelves_per_day: Annotated[int, typer.Option(min=24, max=1_000_000, help="Shelves shown per day, on average.")] = (
        2_000
    )
    listings: Annotated[int, typer.Option(min=500, max=200_000, help="Listings on sale at any time.")] = 6_000
    seed: Annotated[int, typer.Option(help="Seed of all random numbers: the same seed gives the same records.")] = 1
    speed: Annotated[
        float | None,
        typer.Option(min=0.001, help="Simulated seconds per second; 1: real time. Without it: as fast as possible."),
    ] = None
    interleaved: Annotated[
        float, typer.Option(min=0, max=1, help="Share of shelves that interleave the live model with the anchor.")
    ] = 0.15
    randomised: Annotated[float, typer.Option(min=0, max=1, help="Share of shelves in a randomised order.")] = 0.06
    without: Annotated[str, typer.Option(metavar="A,B", help="Leave out these disturbances of the scenario.")] = ""
    at: Annotated[
        tuple[str, ...],
        typer.Option(metavar="NAME=DAY", help="The day on which a disturbance begins, such as bots=20; repeatable."),
    ] = ()
    size: Annotated[
        tuple[str, ...],
        typer.Option(metavar="NAME=SIZE", help="The strength of a disturbance, such as bots=0.2; repeatable."),
    ] = ()
    skip_days: Annotated[
        int, typer.Option(min=0, help="Publish nothing of the first days, which an earlier run published.")
    ] = 0
    no_listings: Annotated[bool, typer.Option("--no-listings", help="Publish only interactions, no listings.")] = False
    no_publish: Annotated[
        bool, typer.Option("--no-publish", help="Publish nothing at all; for --truth, or for the summary.")
    ] = False
    truth: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Write the hidden truth to this file; -: to stdout.")
    ] = None

    def check(self) -> None:
        """Before the run, not after it. Raises UsageError for shares above 1 and a file that can't be written."""
        if self.interleaved + self.randomised > 1:
            raise UsageError("--interleaved and --randomised are more than all shelves")
        if self.truth and self.truth != "-":
            _check_writable(Path(self.truth))


@command_options
def simulate(
    context: typer.Context,
    options: SimulationOptions,
    scenario: Annotated[
        str, typer.Argument(help="calm, harmless, release, new-categories, decay, stale-index, lost-events or all.")
    ] = "all",
    as_json: JsonOption = False,
) -> None:
    """Simulate a marketplace whose truth is known, and publish its listings and interactions to the real topics.

    A second run with the same options writes the same events with the same ids: duplicates, which change no figure.

    Example: lookalike simulate all --days 60 --speed 86400 --truth truth.json
    """
    settings = settings_of(context)
    run = _prepare(settings, scenario, options)
    begun = time.monotonic()
    delivered = _go(run, None if options.no_publish else settings)
    document = _summary(run, time.monotonic() - begun, delivered)
    _show(document, run.hidden_truth(), options.truth, as_json=as_json)
    if document["failed"]:
        reason = next(error for each in delivered for error in each.errors)
        message = f"{document['failed']} records were not confirmed: {reason}"
        raise LookalikeError(message) if any(each.refused for each in delivered) else ServiceUnavailable(message)


def _prepare(settings: Settings, scenario: str, options: SimulationOptions) -> "Run":
    """The run, with the hidden truth if that is asked for. Raises UsageError for a scenario or option that is wrong."""
    from workers.demo.catalogue import BUNDLED
    from workers.simulate.ids import Names
    from workers.simulate.market import Market
    from workers.simulate.pictures import read_pictures
    from workers.simulate.run import Pace, Run
    from workers.simulate.truth import Truth

    setup = _setup(scenario, options)
    options.check()
    folder = (options.images or BUNDLED).resolve()
    market = Market(setup, read_pictures(folder))
    make_key = read_hash_key if options.no_publish else catalogue_key
    names = Names(market, make_key(settings, make=True))
    if not (options.no_publish or options.no_listings or any(map(folder.is_relative_to, settings.image_roots))):
        say(f"hint: workers read file:// pictures only below LOOKALIKE_IMAGE_ROOTS; theirs should hold {folder}")
    pace = Pace(options.speed, options.skip_days, listings=not options.no_listings)
    return Run(market, names, pace, Truth(market) if options.truth else None)


def _setup(scenario: str, options: SimulationOptions) -> "Setup":
    from workers.simulate.disturbances import calendar
    from workers.simulate.market import Setup

    left_out = [each.strip() for each in options.without.split(",") if each.strip()]
    first_days = {name: int(day) for name, day in _pairs("--at", options.at).items()}
    return Setup(
        calendar=calendar(scenario, left_out, first_days, _pairs("--size", options.size)),
        seed=options.seed,
        start=_date(options.start),
        days=options.days,
        shelves_per_day=options.shelves_per_day,
        listings=options.listings,
        interleaved=options.interleaved,
        randomised=options.randomised,
    )


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--start {text}: a date is wanted, as in 2026-09-01") from None


def _check_writable(file: Path) -> None:
    try:
        file.touch()
    except OSError as error:
        raise UsageError(f"--truth {file} can't be written: {error.strerror}") from None


def _pairs(option: str, given: tuple[str, ...]) -> dict[str, float]:
    """`name=number`, as often as given."""
    found = {}
    for each in given:
        name, _, value = each.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise UsageError(f"{option} {each}: NAME=NUMBER is wanted, as in bots=20") from None
    return found


def _go(run: "Run", settings: Settings | None) -> list[Delivered]:
    """Run it; Ctrl-C ends it once everything sent is confirmed."""
    try:
        with Progress("shelves") as progress:
            if settings is None:
                run.through(progress.show)
                return []
            return run.publish(settings, progress.show)
    except KeyboardInterrupt:
        say(
            f"stopped after {run.counts.of('shelf')} shelves; the same command starts again, and repeats change nothing"
        )
        raise typer.Exit(130) from None


def _summary(run: "Run", seconds: float, delivered: list[Delivered]) -> dict[str, Any]:
    counts = run.counts
    return {
        "run": run.market.tag,
        "days": run.market.setup.days,
        "shelves": counts.of("shelf"),
        "seen": counts.of("seen"),
        "clicks": counts.of("click"),
        "likes": counts.of("like"),
        "purchases": counts.of("purchase"),
        "cancels": counts.of("cancel"),
        "listings": counts.listings,
        "seconds": round(seconds, 2),
        "shelves_per_second": round(counts.of("shelf") / max(seconds, 1e-9)),
        "published": sum(each.published for each in delivered),
        "failed": sum(each.failed for each in delivered),
    }


def _show(document: dict[str, Any], truth: dict[str, Any] | None, file: str | None, *, as_json: bool) -> None:
    """The summary on stdout; if the truth goes there, both as one document, or the summary on stderr."""
    if truth is not None and file != "-":
        Path(str(file)).write_text(json.dumps(truth, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    lines = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in document.items() if name != "run")
    if truth is None or file != "-":
        show(document, as_json=as_json, page=lambda: lines)
    elif as_json:
        show(document | {"truth": truth}, as_json=True, page=lambda: lines)
    else:
        say(lines)
        show(truth, as_json=False, page=lambda: json.dumps(truth, ensure_ascii=False, indent=2))
