"""The mutants can be made: a change of the product that moves their place must move them too."""

import ast

import pytest

from mutants.sabotages import MUTANTS, Mutant
from mutants.tree import ROOT, edited

FAULTS_MD = (
    "acknowledge before the write",
    "Faust's take in place of noack_take",
    "no version check",
    "drop on a rate limit",
    "commit the highest finished offset",
    "guard only before the encode",
    "forget folded-away events when their winner is bad",
    "commit through Faust's own acknowledgements",
    "swallow an exception of the upsert",
    "dead-letter while Milvus is down",
)
ONCE_UNNOTICED = (
    "a host's name is looked up again for the connection",
    "only the first of a host's addresses is checked",
    "an event is finished before Kafka confirmed its outcome",
    "the guard reads Bounded in place of Strong",
)
"""Made by hand, when no test of their area turned red."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_can_be_made(mutant: Mutant) -> None:
    """Each edit's place is there exactly once, the result is Python, and the named tests are there."""
    texts = {edit.file: (ROOT / edit.file).read_text() for edit in mutant.edits}
    for edit in mutant.edits:
        texts[edit.file] = edited(texts[edit.file], edit)
    for name, text in texts.items():
        ast.parse(text, name)
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / file).read_text()


def test_every_named_sabotage_is_there() -> None:
    """The ten that the project names, and those that were once made unnoticed."""
    assert {*FAULTS_MD, *ONCE_UNNOTICED} <= {mutant.name for mutant in MUTANTS}
