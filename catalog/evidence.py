"""How good a model is, as far as published tests say: a band, never a score of our own.

Holds how the votes of several tests become a band from 0 (best) to 7, and the two rules that
place a model without any beside its relatives. The scores are rows of `benchmarks.csv`; what they
mean is `yardsticks.py`'s business, and what a quant loses is `quants.py`'s.

Every house that publishes tests has one vote, by its newest test that can tell; the middle vote
is the model's band. Between two middle votes it is their mean, rounded to the worse band. Makers'
own figures count only where no independent test has a vote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2, sqrt
from typing import TYPE_CHECKING

from catalog.purposes import is_base
from catalog.yardsticks import BEST, WORST, best_possible, votes

if TYPE_CHECKING:
    from catalog.model import Benchmark, Model

LABELS = ("leading", "strong", "very capable", "capable", "fair", "modest", "basic", "minimal")
"""A word for each band, best first."""

NO_EVIDENCE = "no evidence"

SAME_SIZE_DOUBLINGS = 0.2
"""Relatives whose sizes differ by less than 15 % count as equal."""

NEAR_DOUBLINGS = 3.0
"""Relatives more than 8 times larger or smaller say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one model's quality."""

    band: int | None
    """0 (best) to 7; ``None`` where nothing is known."""

    label: str

    basis: str
    """The scores, or the relative and the rule, in one sentence without a full stop."""

    is_direct: bool
    """True when tests of this very model say so."""

    @property
    def rank(self) -> int:
        """For sorting: the band, and after all bands what nothing is known of."""
        return WORST + 1 if self.band is None else self.band


def evidence(model: Model, models: Iterable[Model] = ()) -> Evidence:
    """What is known of a model, directly or beside its relatives among `models`.

    Args:
        model: Any model.
        models: Where relatives are looked for, usually all of the catalog; without them only
            tests of the model itself count.
    """
    relatives = [(other, known) for other in models if (known := direct_evidence(other.benchmarks))]
    return direct_evidence(model.benchmarks) or _inferred(model, relatives)


def evidence_by_name(models: Sequence[Model]) -> Mapping[str, Evidence]:
    """What is known of each of these models, by `Model.name`; relatives are looked for here."""
    known = {model.name: direct_evidence(model.benchmarks) for model in models}
    relatives = [(model, told) for model in models if (told := known[model.name])]
    return {model.name: known[model.name] or _inferred(model, relatives) for model in models}


def direct_evidence(benchmarks: Iterable[Benchmark]) -> Evidence | None:
    """What tests of a model itself say; ``None`` where none of them has a vote."""
    found = votes(benchmarks)
    counted = [vote for vote in found if vote.yardstick.is_independent] or found
    if not counted:
        return None
    band = _middle([vote.band for vote in counted])
    basis = "; ".join(vote.sentence for vote in counted)
    return Evidence(band=band, label=LABELS[band], basis=basis, is_direct=True)


def _middle(bands: Sequence[int]) -> int:
    ordered = sorted(bands)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else ceil((ordered[half - 1] + ordered[half]) / 2)


def _inferred(model: Model, relatives: Sequence[tuple[Model, Evidence]]) -> Evidence:
    """A band beside a relative's: of the same family first, else of the same shape."""
    family = [pair for pair in relatives if pair[0].family == model.family]
    alike = [pair for pair in relatives if _shape(pair[0]) == _shape(model)]
    return (
        _beside_family(model, [pair for pair in family if _are_comparable(model, pair[0])])
        or _beside_shape(model, [pair for pair in alike if _are_comparable(model, pair[0])])
        or Evidence(band=None, label=NO_EVIDENCE, basis=_why_nothing(model), is_direct=False)
    )


def _are_comparable(model: Model, other: Model) -> bool:
    both_embed = (model.modality == "embedding") == (other.modality == "embedding")
    return both_embed and is_base(model) == is_base(other) and other.name != model.name


def _beside_family(model: Model, family: Sequence[tuple[Model, Evidence]]) -> Evidence | None:
    """The nearest in size of the family: one band worse if this one is smaller, never better."""
    near = [pair for pair in family if abs(doublings(pair[0], model)) <= NEAR_DOUBLINGS]
    if not near:
        return None
    nearest = min(abs(doublings(other, model)) for other, _ in near)
    alike = [
        pair for pair in near if abs(doublings(pair[0], model)) <= nearest + SAME_SIZE_DOUBLINGS
    ]
    other, told = max(alike, key=lambda pair: (pair[1].rank, pair[0].name))
    is_smaller = doublings(model, other) > SAME_SIZE_DOUBLINGS
    rule = "and this one is smaller: one band worse" if is_smaller else "and lends it that band"
    fact = f"`{other.name}` of its family is in band {told.band}"
    return _indirect(model, told.rank + is_smaller, fact, rule)


def _beside_shape(model: Model, alike: Sequence[tuple[Model, Evidence]]) -> Evidence | None:
    """The worst of those with exactly as many weights, in all and per token."""
    if not alike:
        return None
    other, told = max(alike, key=lambda pair: (pair[1].rank, pair[0].name))
    fact = f"`{other.name}`, with exactly as many weights, is in band {told.band}"
    return _indirect(model, told.rank, fact, "and lends it that band")


def _indirect(model: Model, rank: int, fact: str, rule: str) -> Evidence:
    band = min(max(rank, best_possible(model.benchmarks)), WORST)
    basis = f"no test of its own that tells; {fact} {rule}"
    return Evidence(band=band, label=LABELS[band], basis=basis, is_direct=False)


def _why_nothing(model: Model) -> str:
    bound = best_possible(model.benchmarks)
    if bound > BEST:
        return f"its only score is below what that test can tell apart (band {bound} or worse)"
    return "no published test of it was found, nor of a relative of about its size"


def doublings(smaller: Model, larger: Model) -> float:
    """How many times `smaller` must double to be as large as `larger`.

    Size is the geometric mean of all weights and of those active per token, so that a mixture
    of experts stands between the dense models of either figure.
    """
    return log2(_size(larger) / _size(smaller))


def _shape(model: Model) -> tuple[int, int]:
    return model.params_total, model.params_active


def _size(model: Model) -> float:
    return sqrt(model.params_total * model.params_active)
