"""Every quant of a model, estimated on a target: what a scan and a model's page choose from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from advisor.estimate.estimator import estimate, hoped_tokens_per_s
from advisor.offer.offer import USUAL_QUANT
from advisor.offer.shelf import shelf_offer
from advisor.rank import (
    DEFAULT_MIN_TOKENS_PER_S,
    LAST_BAND,
    SEVERE_BAND,
    Candidate,
    Demotion,
    best_of,
    demotions,
)
from catalog.evidence import evidence as evidence_of
from catalog.native import has_native_experts
from catalog.quality import quality_of
from catalog.quants import load_quants

if TYPE_CHECKING:
    from advisor.estimate.result import Estimate
    from advisor.estimate.subject import Subject
    from advisor.offer.offer import Offer
    from advisor.target import Target
    from advisor.workload import Workload
    from catalog.evidence import Evidence
    from catalog.model import Model
    from catalog.quality import QualityLoss
    from catalog.quant import Quant


INFINITY = float("inf")
"""The hope of what may be as fast as one likes, for all that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What candidates are judged by."""

    target: Target
    workload: Workload
    min_tokens_per_s: float = DEFAULT_MIN_TOKENS_PER_S


def candidates_of(
    model: Model, quants: Iterable[Quant], question: Question, evidence: Evidence
) -> list[Candidate]:
    """A catalog model in each of the quants that it can be had in, largest first."""
    return judged(shelf_offer(model).subjects(quants), question, evidence)


def considered(offer: Offer, question: Question) -> list[Candidate]:
    """The model in each quant that the best is chosen from, largest first."""
    return judged(offer.subjects(offer.considered()), question, evidence_of(offer.model))


def judged(subjects: Iterable[Subject], question: Question, evidence: Evidence) -> list[Candidate]:
    """Each of these, estimated on the target, largest first."""
    found = [_candidate(subject, question, evidence) for subject in subjects]
    return sorted(found, key=_size, reverse=True)


def best_or_smallest(
    model: Model, quants: Iterable[Quant], question: Question, evidence: Evidence
) -> Candidate | None:
    """The quant to run, else the smallest, which does not run either.

    Quants are tried in the order of their loss, band by band: once one of a band fits and is fast
    enough, nothing that loses more can come before it, so a scan is spared the rest. Nor can what
    is partly on the CPU: that is only looked for when nothing fits well. And whatever runs comes
    before a severe loss.

    Returns:
        ``None`` when the model can be had in none of the quants, or was not made for so long a
        context.
    """
    if (question.workload.context_tokens or 0) > model.context_tokens:
        return None
    offer = shelf_offer(model)
    bands: dict[int, list[Quant]] = defaultdict(list)
    for quant in quants:
        band = quality_of(model, quant).cautious_band
        bands[LAST_BAND if band is None else band].append(quant)
    found: list[Candidate] = []
    for band, alike in sorted(bands.items()):
        if SEVERE_BAND <= band < LAST_BAND and any(one.runs for one in found):
            continue
        found += [
            _candidate(subject, question, evidence, whole_only=True)
            for subject in offer.subjects(alike)
        ]
        if any(one.fits_well for one in found):
            return best_of(found)
    best = best_of(found)
    if question.target.gpus and (best is None or best.demotions):
        mild = [one for one in found if not _is_severe(one)]
        severe = [one for one in found if _is_severe(one)]
        best = _best_with_cpu(mild, question) or _best_with_cpu(severe, question)
    return best or min(found, key=_size, default=None)


def _best_with_cpu(found: Sequence[Candidate], question: Question) -> Candidate | None:
    """The one to run where some layers may be on the CPU.

    All of them are partial then, so that one of a smaller loss with nothing against it comes
    before whatever loses more, and what cannot be fast enough is not placed at all while another
    is: a placement takes far longer to find than a speed that it cannot exceed.
    """
    tried: list[Candidate] = []
    slow: list[tuple[float, Candidate]] = []
    for _, alike in groupby(found, key=_loss_band):
        for one in alike:
            hope = _hope(one, question)
            if hope < question.min_tokens_per_s:
                slow.append((hope, one))
            else:
                tried.append(_with_cpu(one, question))
        if any(one.runs and not one.demotions for one in tried):
            return best_of(tried)
    if any(one.runs and Demotion.SLOW not in one.demotions for one in tried):
        return best_of(tried)
    for hope, one in sorted(slow, key=_first, reverse=True):
        fastest = max((other.tokens_per_s or 0 for other in tried if other.runs), default=0)
        if hope >= fastest:
            tried.append(_with_cpu(one, question))
    return best_of(tried)


def _first(pair: tuple[float, Candidate]) -> float:
    return pair[0]


def _hope(candidate: Candidate, question: Question) -> float:
    """Tokens per second that it does not exceed with some layers on the CPU."""
    if candidate.runs:
        return candidate.tokens_per_s or INFINITY
    hope = hoped_tokens_per_s(candidate.estimate.subject, question.workload, question.target)
    return INFINITY if hope is None else hope


def _loss_band(candidate: Candidate) -> int | None:
    return candidate.loss.cautious_band


def _is_severe(candidate: Candidate) -> bool:
    return Demotion.SEVERE_LOSS in candidate.demotions


def _with_cpu(candidate: Candidate, question: Question) -> Candidate:
    """The same candidate, with some layers on the CPU where the GPUs do not hold all."""
    if candidate.runs:
        return candidate
    answer = candidate.estimate
    answer = estimate(answer.subject, question.workload, question.target, brief=True)
    return _judged(answer, candidate.evidence, candidate.loss, question)


def _candidate(
    subject: Subject, question: Question, evidence: Evidence, *, whole_only: bool = False
) -> Candidate:
    answer = estimate(
        subject, question.workload, question.target, brief=True, whole_only=whole_only
    )
    return _judged(answer, evidence, quality_of(subject.model, subject.quant), question)


def _judged(
    answer: Estimate, evidence: Evidence, loss: QualityLoss, question: Question
) -> Candidate:
    return Candidate(
        estimate=answer,
        evidence=evidence,
        loss=loss,
        demotions=demotions(answer, loss, min_tokens_per_s=question.min_tokens_per_s),
    )


def _size(candidate: Candidate) -> int:
    return candidate.estimate.subject.weights.tensor_bytes


NATIVE_QUANT = "MXFP4_MOE"
"""What models are published in whose makers trained their experts in MXFP4."""


def is_usual(quant: Quant, model: Model) -> bool:
    """True for a quant that a scan considers for the model."""
    if quant.name == NATIVE_QUANT:
        return has_native_experts(model.architecture)
    return quant.is_common


def has_usual_quant(candidate: Candidate) -> bool:
    """True for a model in a quant that a scan considers."""
    subject = candidate.estimate.subject
    return is_usual(subject.quant, subject.model)


def usual_quants(model: Model) -> list[Quant]:
    """The quants that a scan considers for a model, largest first."""
    return [quant for quant in load_quants() if is_usual(quant, model)]


def preferred(found: Sequence[Candidate]) -> Candidate:
    """The best of the common quants that runs; else the usual one, else the smallest."""
    best = best_of(filter(has_usual_quant, found))
    if best is not None:
        return best
    for one in found:
        if one.estimate.subject.quant.name == USUAL_QUANT:
            return one
    return found[-1]
