"""What every worker tells whoever started it: that it is ready, and where its health is."""

import json
from pathlib import Path


def tell_ready(file: Path | None, health: str | None) -> None:
    """Write where `/health` is to the ready file, if there is one; whole, so that nobody ever reads half of it."""
    if file is None:
        return
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps({"health": health}))
    new.replace(file)
