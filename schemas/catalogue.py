"""The published schemas by name, and the committed copies that hold us to them.

`python -m schemas.catalogue` rewrites the copies below `schemas/json` and refuses a change that would break
a publisher or a reader of today.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.dead_letter import DeadLetter
from schemas.listing import ListingEvent
from schemas.outcome import Outcome

SCHEMAS: dict[str, type[BaseModel]] = {
    "listing-created": ListingEvent,
    "listing-updated": ListingEvent,
    "listing-indexed": Outcome,
    "listing-dead-letter": DeadLetter,
}
INPUTS = {"listing-created", "listing-updated"}
"""What others write and we read; the rest is what we write and others read."""

COPIES = Path(__file__).parent / "json"


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of the event `name`; raises KeyError for a name that is none of `SCHEMAS`."""
    mode = "validation" if name in INPUTS else "serialization"
    return {"$id": name, **SCHEMAS[name].model_json_schema(mode=mode)}  # type: ignore[arg-type]


def breaking_changes(old: Any, new: Any, *, written_by_others: bool, at: str = "") -> list[str]:
    """What in `new` breaks those who hold to `old`, one sentence each.

    Where others write and we read, nothing may be asked for or narrowed; where we write and others read, nothing may
    be taken away or widened.
    """
    strict, lax = (old, new) if written_by_others else (new, old)
    found = []
    for key in sorted({*strict, *lax}):
        before, after = old.get(key), new.get(key)
        where = f"{at}/{key}"
        if key in ("description", "title", "$id", "default") or before == after:
            continue
        if key in ("properties", "$defs"):
            found += [f"{where}/{name} is gone" for name in sorted({*before} - {*after})]
            found += [
                change
                for name in sorted({*before} & {*after})
                for change in breaking_changes(
                    before[name], after[name], written_by_others=written_by_others, at=f"{where}/{name}"
                )
            ]
        elif key == "required":
            found += [f"{where}: {name}" for name in sorted({*(lax.get(key) or [])} - {*(strict.get(key) or [])})]
        elif key == "enum":
            found += [f"{where}: {value}" for value in sorted({*strict.get(key, [])} - {*lax.get(key, [])})]
        elif key.startswith("max") and key in strict and (key not in lax or lax[key] >= strict[key]):
            continue
        elif key.startswith("max") and key not in strict and written_by_others:
            found.append(f"{where} is new")
        elif key.startswith("min") and key in strict and (key not in lax or lax[key] <= strict[key]):
            continue
        else:
            found.append(f"{where} changed from {before!r} to {after!r}")
    return found


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
