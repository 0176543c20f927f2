"""The published schemas by name, and the committed copies that hold us to them.

`python -m schemas.registry` rewrites the copies below `schemas/json` and refuses a change that would break
a publisher or a reader of today.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.dead_letter import DeadLetter
from schemas.evaluation_report import Report
from schemas.interaction import KINDS
from schemas.listing import ListingEvent
from schemas.outcome import Outcome
from schemas.retrain_request import RetrainRequested
from schemas.takedown import Takedown

SCHEMAS: dict[str, type[BaseModel]] = {
    "listing-created": ListingEvent,
    "listing-updated": ListingEvent,
    "listing-indexed": Outcome,
    "listing-dead-letter": DeadLetter,
    "listing-takedown": Takedown,
    "retrain-requested": RetrainRequested,
    "evaluation-reports": Report,
    **KINDS,
}
INPUTS = {"listing-created", "listing-updated", *KINDS}
"""What others write and we read; the rest is what we write and others read."""

_PROSE = {"description", "title", "$id", "default"}

COPIES = Path(__file__).parent / "json"


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of the event `name`; raises KeyError for a name that is none of `SCHEMAS`."""
    mode = "validation" if name in INPUTS else "serialization"
    return {"$id": name, **SCHEMAS[name].model_json_schema(mode=mode)}  # type: ignore[arg-type]


def breaking_changes(old: Any, new: Any, *, written_by_others: bool) -> list[str]:
    """What in `new` breaks those who hold to `old`, one sentence each.

    Where others write and we read, `new` must take all that `old` took; where we write and others read, `old` must
    take all that `new` may be. A property that is gone breaks both.
    """
    wide, narrow = (new, old) if written_by_others else (old, new)
    return [f"{place} is gone" for place in _gone(old, new)] + _refused(wide, narrow)


def _gone(old: Any, new: Any, at: str = "") -> list[str]:
    found = []
    for group in ("properties", "$defs"):
        for name, before in old.get(group, {}).items():
            place, after = f"{at}/{name}", new.get(group, {}).get(name)
            found += [place] if after is None else _gone(before, after, place)
    return found


def _refused(wide: Any, narrow: Any, at: str = "") -> list[str]:
    """Where `wide` may refuse what `narrow` allows."""
    found = []
    for key in sorted({*wide, *narrow} - _PROSE):
        place, outer, inner = f"{at}/{key}", wide.get(key), narrow.get(key)
        if key in ("properties", "$defs"):
            shared = sorted({*(outer or {})} & {*(inner or {})})
            found += [refused for name in shared for refused in _refused(outer[name], inner[name], f"{at}/{name}")]
        elif not _covers(key, outer, inner):
            found.append(f"{place}: {outer!r} does not cover {inner!r}")
    return found


def _covers(key: str, outer: Any, inner: Any) -> bool:
    if outer == inner:
        return True
    if key == "required":
        return {*(outer or ())} <= {*(inner or ())}
    if outer is None or inner is None:
        return outer is None  # a limit that only the other has
    if key == "enum":
        return {*inner} <= {*outer}
    if key.startswith(("max", "exclusiveMax")):
        return bool(outer >= inner)
    if key.startswith(("min", "exclusiveMin")):
        return bool(outer <= inner)
    return False


def rewrite_copies() -> list[str]:
    """Write each schema's copy where the change breaks nobody; returns what would break, and leaves that copy alone."""
    broken = []
    for name in SCHEMAS:
        copy, schema = COPIES / f"{name}.json", json_schema(name)
        if copy.exists():
            changes = breaking_changes(json.loads(copy.read_text()), schema, written_by_others=name in INPUTS)
            if changes:
                broken += [f"{name}{change}" for change in changes]
                continue
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return broken


if __name__ == "__main__":
    sys.exit("\n".join(rewrite_copies()) or 0)
