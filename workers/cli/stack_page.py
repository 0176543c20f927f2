"""What `lookalike up` and `lookalike down` print of the local stack."""

import json
from typing import Any

from streams.settings import Settings
from workers.cli.output import Page, show, table
from workers.local.process_table import ready_file
from workers.local.state import log_file


def show_stack(settings: Settings, state: dict[str, Any], *, as_json: bool, ending: str) -> None:
    """Print the processes of a complete local stack, and how to stop it (`ending`)."""
    addresses = {"kafka": state["kafka"], "milvus": state["milvus"], "serve": _serve_address(settings)}

    def page() -> Page:
        rows: list[tuple[object, ...]] = [
            (
                entry["name"],
                entry["pid"],
                entry["state"],
                addresses.get(entry["name"], ""),
                log_file(settings, entry["name"]),
            )
            for entry in state["processes"]
        ]
        return [table(("process", "pid", "state", "address", "log"), rows), f"All is running. {ending}"]

    show(stack_document(state), as_json=as_json, page=page)


def _serve_address(settings: Settings) -> str:
    """Where its page is, of a server that is up."""
    try:
        return str(json.loads(ready_file(settings, "serve").read_text())["health"]).replace("/health", "/docs")
    except OSError:
        return ""


def stack_document(state: dict[str, Any]) -> dict[str, Any]:
    """What `--json` promises, without what the supervisor keeps for itself."""
    processes = [
        {name: entry.get(name) for name in ("name", "pid", "state", "problem")} for entry in state["processes"]
    ]
    return {"kafka": state["kafka"], "milvus": state["milvus"], "processes": processes}
