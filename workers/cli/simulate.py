"""`lookalike simulate`: a marketplace with a hidden truth, published to the real topics."""

import json
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.errors import LookalikeError, ServiceUnavailable, UsageError
from streams.hash_key_pin import catalogue_key
from streams.keyed_hash import read_hash_key
from streams.publish import Delivered
from streams.settings import Settings
from workers.cli.output import JsonOption, Progress, say, settings_of, show

if TYPE_CHECKING:  # numpy and the pictures' reader are loaded when the command runs
    from workers.simulate.run import Run


def simulate(
    context: typer.Context,
    scenario: Annotated[
        str, typer.Argument(help="calm, harmless, release, new-categories, decay, stale-index, lost-events or all.")
    ] = "all",
    images: Annotated[Path | None, typer.Option(help="Pictures of your own instead of the demo's.")] = None,
    start: Annotated[str, typer.Option(metavar="DATE", help="The first day.")] = "2026-09-01",
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How many days.")] = 60,
    shelves_per_day: Annotated[int, typer.Option(min=24, max=1_000_000, help="On average.")] = 2_000,
    listings: Annotated[int, typer.Option(min=500, max=200_000, help="On sale at a time.")] = 6_000,
    seed: Annotated[int, typer.Option(help="The same seed, the same records.")] = 1,
    speed: Annotated[float | None, typer.Option(min=0.001, help="1 is real time; without: as fast as it goes.")] = None,
    interleaved: Annotated[float, typer.Option(min=0, max=1, help="Share of shelves, live against anchor.")] = 0.15,
    randomised: Annotated[float, typer.Option(min=0, max=1, help="Share of shelves in a drawn order.")] = 0.06,
    without: Annotated[str, typer.Option(metavar="A,B", help="Leave these disturbances out.")] = "",
    at: Annotated[list[str] | None, typer.Option(metavar="NAME=DAY", help="Let one begin on that day.")] = None,
    size: Annotated[list[str] | None, typer.Option(metavar="NAME=SIZE", help="Let one be so strong.")] = None,
    skip_days: Annotated[int, typer.Option(min=0, help="Go on after so many days that were published.")] = 0,
    no_listings: Annotated[bool, typer.Option("--no-listings", help="Publish interactions only.")] = False,
    no_publish: Annotated[bool, typer.Option("--no-publish", help="Publish nothing: for the truth alone.")] = False,
    truth: Annotated[str | None, typer.Option(metavar="FILE|-", help="Write the hidden truth there.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate a marketplace whose truth is known, and publish its listings and interactions to the real topics.

    A second run of the same options writes the same events with the same ids: duplicates, which change no figure.

    Example: lookalike simulate all --days 60 --speed 86400 --truth truth.json
    """
    from workers.demo.catalogue import BUNDLED
    from workers.simulate.disturbances import calendar
    from workers.simulate.ids import Names
    from workers.simulate.market import Market, Setup
    from workers.simulate.pictures import read_pictures
    from workers.simulate.run import Pace, Run
    from workers.simulate.truth import Truth

    settings = settings_of(context)
    if interleaved + randomised > 1:
        raise UsageError("--interleaved and --randomised are more than all shelves")
    left_out = [each.strip() for each in without.split(",") if each.strip()]
    first_days = {name: int(day) for name, day in _pairs("--at", at).items()}
    setup = Setup(
        calendar=calendar(scenario, left_out, first_days, _pairs("--size", size)),
        seed=seed,
        start=_date(start),
        days=days,
        shelves_per_day=shelves_per_day,
        listings=listings,
        interleaved=interleaved,
        randomised=randomised,
    )
    if truth and truth != "-":
        _check_writable(Path(truth))
    folder = (images or BUNDLED).resolve()
    market = Market(setup, read_pictures(folder))
    key = read_hash_key(settings, make=True) if no_publish else catalogue_key(settings, make=True)
    names = Names(market, key)
    pace = Pace(speed, skip_days, listings=not no_listings)
    known = Truth(market) if truth else None
    run = Run(market, names, pace, known)
    if not (no_publish or no_listings or any(folder.is_relative_to(root) for root in settings.image_roots)):
        say(f"hint: workers read file:// pictures only below LOOKALIKE_IMAGE_ROOTS; theirs should hold {folder}")
    begun = time.monotonic()
    delivered = _go(run, None if no_publish else settings)
    document = _summary(run, time.monotonic() - begun, delivered)
    _tell(document, known.document(names) if known else None, truth, as_json=as_json)
    if document["failed"]:
        reason = next(error for each in delivered for error in each.errors)
        message = f"{document['failed']} records were not confirmed: {reason}"
        raise LookalikeError(message) if any(each.refused for each in delivered) else ServiceUnavailable(message)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--start {text}: a date is wanted, as in 2026-09-01") from None


def _check_writable(file: Path) -> None:
    """Now, not after the run."""
    try:
        file.touch()
    except OSError as error:
        raise UsageError(f"--truth {file} can't be written: {error.strerror}") from None


def _pairs(option: str, given: list[str] | None) -> dict[str, float]:
    """`name=number`, as often as given."""
    found = {}
    for each in given or []:
        name, _, value = each.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise UsageError(f"{option} {each}: NAME=NUMBER is wanted, as in bots=20") from None
    return found


def _go(run: "Run", settings: Settings | None) -> list[Delivered]:
    """Let it go by; Ctrl-C ends it once what is on its way has arrived."""
    try:
        with Progress("shelves") as progress:
            if settings is None:
                run.through(progress.show)
                return []
            return run.publish(settings, progress.show)
    except KeyboardInterrupt:
        say(f"stopped after {run.counts.of('shelf')} shelves; the same command begins anew, and repeats change nothing")
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


def _tell(document: dict[str, Any], truth: dict[str, Any] | None, where: str | None, *, as_json: bool) -> None:
    """The summary on stdout, unless the truth is wanted there: then both as one document, or the summary on stderr."""
    if truth is not None and where != "-":
        Path(str(where)).write_text(json.dumps(truth, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    lines = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in document.items() if name != "run")
    if truth is None or where != "-":
        show(document, as_json=as_json, page=lambda: lines)
    elif as_json:
        show(document | {"truth": truth}, as_json=True, page=lambda: lines)
    else:
        say(lines)
        show(truth, as_json=False, page=lambda: json.dumps(truth, ensure_ascii=False, indent=2))
