"""What a scan answers: the best quant of each model, in order, and one recommendation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.offer.shelf import shelf_offer
from advisor.rank import Candidate, next_larger, ranked
from advisor.report.candidates import Question, best_or_smallest, judged, usual_quants
from advisor.report.download import download_of
from advisor.report.run_commands import run_commands
from catalog.evidence import evidence_by_name

if TYPE_CHECKING:
    from advisor.report.download import Download
    from advisor.report.filter import Filter
    from advisor.report.run_commands import RunCommand
    from catalog.model import Model
    from probes.machine import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The one file to get, and why."""

    candidate: Candidate
    download: Download
    larger: Candidate | None
    """The next larger quant of the same model, which was not chosen."""

    commands: tuple[RunCommand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanReport:
    """This machine, the ranking, and the recommendation."""

    machine: Machine | None
    """``None`` when catalog rows stand in for the probes."""

    question: Question
    filter: Filter
    rows: tuple[Candidate, ...]
    """The best quant of each model that runs, the best model first."""

    rejected: tuple[Candidate, ...]
    """The smallest quant of each model that does not run, the smallest model first."""

    recommendation: Recommendation | None

    notes: tuple[str, ...] = ()
    """What was asked of the Hub, or why nothing was. Sentences without a full stop."""


def scan(
    question: Question, models: Sequence[Model], wanted: Filter, machine: Machine | None
) -> ScanReport:
    """Rank the models on a target.

    Args:
        question: The target, the workload and the speed floor.
        models: All of the catalog.
        wanted: Which of them to consider.
        machine: What the probes saw, for the report's heading.
    """
    considered = [model for model in models if wanted.admits(model)]
    known = evidence_by_name(models)
    rows: list[Candidate] = []
    rejected: list[Candidate] = []
    for model in considered:
        found = best_or_smallest(model, usual_quants(model), question, known[model.name])
        if found is None:
            continue
        (rows if found.runs else rejected).append(found)
    order = ranked(rows)
    rejected.sort(key=lambda one: one.estimate.total_bytes)
    return ScanReport(
        machine=machine,
        question=question,
        filter=wanted,
        rows=tuple(order),
        rejected=tuple(rejected),
        recommendation=recommended(order, question),
    )


def recommended(order: Sequence[Candidate], question: Question) -> Recommendation | None:
    """The first of them, beside its model's next larger quant; ``None`` where there is none."""
    if not order:
        return None
    best = order[0]
    subject = best.estimate.subject
    quants = shelf_offer(subject.model).subjects(usual_quants(subject.model))
    larger = next_larger(subject, quants)
    if larger is None:
        return recommend(best, None)
    (found,) = judged([larger], question, best.evidence)
    return recommend(best, found)


def recommend(chosen: Candidate, larger: Candidate | None) -> Recommendation:
    """The recommendation of one candidate, beside the next larger quant of its model."""
    download = download_of(chosen.estimate.subject)
    return Recommendation(
        candidate=chosen,
        download=download,
        larger=larger,
        commands=run_commands(chosen.estimate, download),
    )
