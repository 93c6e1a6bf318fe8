"""A model's page: its specification, every quant here, and which devices run it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

from advisor.report.candidates import Question, candidates_of, is_usual, preferred
from advisor.report.device_list import devices_that_run
from advisor.report.scan import recommend
from catalog.evidence import evidence
from catalog.published import published_files
from catalog.quality import quality_of
from catalog.quants import load_quants

if TYPE_CHECKING:
    from advisor.rank import Candidate
    from advisor.report.device_list import DeviceRow
    from advisor.report.scan import Recommendation
    from catalog.device import Device
    from catalog.evidence import Evidence
    from catalog.model import Model
    from catalog.quant import Quant

RELATED_COUNT = 6

UNPUBLISHED = frozenset({"F32"})
"""Twice the size of what makers publish, and no better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything the page says."""

    model: Model
    evidence: Evidence
    question: Question
    rows: tuple[Candidate, ...]
    """Every quant, largest first."""

    best: Recommendation | None
    """The starred quant here; ``None`` when none runs here."""

    starred: Candidate
    """The best quant here, else the one most people would take elsewhere."""

    devices: tuple[DeviceRow, ...]
    """Catalog devices that hold the starred quant whole, fastest first."""

    related: tuple[Model, ...]


def page(
    model: Model, models: Sequence[Model], question: Question, devices: Sequence[Device]
) -> Page:
    """A model's page on a target.

    Args:
        model: The model.
        models: All of the catalog, for evidence by relatives and for related models.
        question: The target, the workload and the speed floor.
        devices: The catalog's devices.
    """
    known = evidence(model, models)
    found = candidates_of(model, quants_of(model), question, known)
    starred = preferred(found)
    return Page(
        model=model,
        evidence=known,
        question=question,
        rows=tuple(found),
        best=recommend(starred, [one for one in found if _is_usual(one)]) if starred.runs else None,
        starred=starred,
        devices=devices_that_run(starred.estimate.subject, question.workload, devices),
        related=related(model, models),
    )


def _is_usual(one: Candidate) -> bool:
    return is_usual(one.estimate.subject.quant, one.estimate.subject.model)


def quants_of(model: Model) -> list[Quant]:
    """What the page lists: quants whose loss is known, and those somebody published it in."""
    published = {one.quant_name for one in published_files(model)}
    return [
        quant
        for quant in load_quants()
        if quant.name in published
        or (quant.name not in UNPUBLISHED and quality_of(model, quant).high is not None)
    ]


def related(model: Model, models: Iterable[Model]) -> tuple[Model, ...]:
    """Models of the same family, those of a similar size first."""
    family = [one for one in models if one.family == model.family and one.name != model.name]
    family.sort(key=lambda one: (abs(log(one.params_total / model.params_total)), one.name))
    return tuple(family[:RELATED_COUNT])
