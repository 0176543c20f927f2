"""What is measured, and how: what the operator chose."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from workers.evaluation import measures
from workers.evaluation.estimates import MinimumEvidence


@dataclass(frozen=True)
class EvaluationConfig:
    """What is measured, and how."""

    measures: tuple[measures.Measure, ...] = measures.USUAL
    by: tuple[str, ...] = ("category", "niche", "variant", "model")
    """What is sliced by; surface, layout, place and the listing's age always are."""
    level: int = 1
    """Categories are sliced, and compared, by so many first parts of their path."""
    niches: tuple[str, ...] = ()
    """Category paths that have a slice by name, each with all below it."""
    drawn: tuple[str, ...] = ("no",)
    """How the order of a shelf may be drawn for it to be measured: a shuffled one says nothing of the model's order."""
    new: timedelta = timedelta(days=7)
    """A listing is new for so long."""
    replicates: int = 400
    clip: float = 10.0
    """The highest weight in clipped IPS."""
    minimum_evidence: MinimumEvidence = field(default_factory=MinimumEvidence)


USUAL = EvaluationConfig()
"""What is measured where nothing else is asked for."""
