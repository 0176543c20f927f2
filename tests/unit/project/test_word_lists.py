"""The word lists of the schemas exist once: a word that is added to a schema is known to all that read records."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

from schemas.interaction import KINDS, Drawn, Item, QueryKind, Shelf, Team
from schemas.listing import Status
from schemas.takedown import Kind
from workers.evaluation.actions import CODES
from workers.interactions.schema import COLUMNS, ITEM, SHELF_TEXTS
from workers.simulate.ids import EVENT_LETTERS

ROOT = Path(__file__).parents[3]
NEW = "added"
EXTENDED = {
    "interaction": (
        (r"(Drawn = Literal\[[^]]*)\]", rf'\1, "{NEW}"]'),
        (r"(QueryKind = Literal\[[^]]*)\]", rf'\1, "{NEW}"]'),
        (r"(Team = Literal\[[^]]*)\]", rf'\1, "{NEW}"]'),
    ),
    "listing": ((r"(Status = Literal\[[^]]*)\]", rf'\1, "{NEW}"]'),),
}
"""By module of the schemas, what adds a word to each of its lists that a recorded shelf has."""

READ = f"""
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from workers.evaluation.reader import read_shelves
from workers.evaluation.shelves import DRAWN, STATUSES, TEAMS
from workers.interactions.schema import COLUMNS, INSTANT
from workers.interactions.staging import write_file
from workers.recorder import parse

parse._one_by_one = None  # the block parser has to take every record
item = '{{"listing_id":"a","position":1,"team":"{NEW}","status":"{NEW}"}}'
texts = '"event":"shelf","at":"2026-11-23T00:00:00Z","drawn":"{NEW}","query_kind":"{NEW}"'
values = [f'{{{{{{texts}},"request_id":"r{{number}}","items":[{{item}}]}}}}'.encode() for number in range(40)]
rows = parse.parse(values).rows
kafka = {{
    "recorded_at": pa.array([datetime(2026, 11, 23, tzinfo=UTC)] * 40, INSTANT),
    "partition": pa.array(np.zeros(40, np.int32)),
    "offset": pa.array(np.arange(40)),
}}
table = pa.table([kafka[name] if name in kafka else rows.column(name) for name in COLUMNS.names], schema=COLUMNS)
folder = Path(sys.argv[1])
write_file(folder / "day=2026-11-23" / "interactions-0-0-39.parquet", table)
shelves = read_shelves(folder, date(2026, 11, 23), date(2026, 11, 24))
codes = shelves.drawn[0], shelves.team[0, 0], shelves.status[0, 0]
print(len(shelves), *(words[code] for words, code in zip((DRAWN, TEAMS, STATUSES), codes)))
"""


def test_a_word_added_to_a_schema_is_recorded_and_evaluated(tmp_path: Path) -> None:
    """By the block parser too: one by one, every record would take fifty times as long."""
    extended = tmp_path / "schemas"
    extended.mkdir()
    for path in (ROOT / "schemas").glob("*.py"):
        text = path.read_text()
        for pattern, replacement in EXTENDED.get(path.stem, ()):
            text, count = re.subn(pattern, replacement, text)
            assert count == 1, pattern
        (extended / path.name).write_text(text)
    finished = subprocess.run(
        [sys.executable, "-P", "-c", READ, str(tmp_path / "recorded")],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stdout.split() == ["40", NEW, NEW, NEW], finished.stderr


WORD_LISTS = {
    "Drawn": get_args(Drawn),
    "QueryKind": get_args(QueryKind),
    "Team": get_args(Team),
    "Status": get_args(Status),
    "takedown.Kind": get_args(Kind),
    "events": tuple(KINDS),
}


def test_no_word_list_of_a_schema_is_written_a_second_time() -> None:
    """Not as a Literal, list, tuple or set: `get_args` of the schema's own is used."""
    copies = [
        f"{path.relative_to(ROOT)}:{node.lineno} repeats {name}"
        for package in ("lookalike", "streams", "workers")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.List | ast.Tuple | ast.Set)
        for name, words in WORD_LISTS.items()
        if {each.value for each in node.elts if isinstance(each, ast.Constant)} >= set(words)
    ]
    assert copies == []


def test_every_event_has_its_code_and_letter() -> None:
    """Of actions in the evaluation, and of all events in a simulated market."""
    assert set(CODES) == set(KINDS) - {"shelf"}
    assert len(EVENT_LETTERS) == len(KINDS)


def test_every_field_of_a_schema_is_a_column() -> None:
    """Or it would be dropped without a word."""
    assert {field for kind in KINDS.values() for field in kind.model_fields} <= set(COLUMNS.names)
    assert set(Item.model_fields) == {field.name for field in ITEM}
    assert set(Shelf.model_fields) - set(SHELF_TEXTS) == {"event", "request_id", "at", "items"}
