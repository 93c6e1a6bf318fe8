"""Every quant of a model, estimated on a target: what a scan and a model's page choose from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from advisor.estimate.estimator import estimate, exceeds_gpus, hoped_tokens_per_s
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
    found: list[_Tried] = []
    for band, alike in sorted(bands.items()):
        if SEVERE_BAND <= band < LAST_BAND and any(one.runs for one in found):
            continue
        found += [_whole(subject, question, evidence) for subject in offer.subjects(alike)]
        if any(one.fits_well for one in found):
            return _best_whole(found)
    best = _best_whole(found)
    if question.target.gpus and (best is None or best.demotions):
        mild = [one for one in found if not one.is_severe]
        severe = [one for one in found if one.is_severe]
        best = _best_with_cpu(mild, question) or _best_with_cpu(severe, question)
    if best or not found:
        return best
    smallest = min(found, key=_tried_size)
    return smallest.whole or _candidate(smallest.subject, question, evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """A quant, and what became of it with nothing on the CPU."""

    subject: Subject
    evidence: Evidence
    loss: QualityLoss
    whole: Candidate | None
    """``None`` where its weights and cache alone are more than all GPUs have."""

    @property
    def runs(self) -> bool:
        """True when it runs so."""
        return self.whole is not None and self.whole.runs

    @property
    def fits_well(self) -> bool:
        """True when nothing speaks against it."""
        return self.whole is not None and self.whole.fits_well

    @property
    def is_severe(self) -> bool:
        """True when it may lose so much that it is demoted."""
        band = self.loss.cautious_band
        return band is not None and band >= SEVERE_BAND


def _whole(subject: Subject, question: Question, evidence: Evidence) -> _Tried:
    """A quant with nothing on the CPU."""
    loss = quality_of(subject.model, subject.quant)
    is_hopeless = exceeds_gpus(subject, question.workload, question.target)
    whole = None if is_hopeless else _candidate(subject, question, evidence, whole_only=True)
    return _Tried(subject=subject, evidence=evidence, loss=loss, whole=whole)


def _best_whole(found: Iterable[_Tried]) -> Candidate | None:
    return best_of(one.whole for one in found if one.whole is not None)


def _tried_size(tried: _Tried) -> int:
    return tried.subject.weights.tensor_bytes


def _best_with_cpu(found: Sequence[_Tried], question: Question) -> Candidate | None:
    """The one to run where some layers may be on the CPU.

    All of them are partial then, so that one of a smaller loss with nothing against it comes
    before whatever loses more, and what cannot be fast enough is not placed at all while another
    is: a placement takes far longer to find than a speed that it cannot exceed.
    """
    tried: list[Candidate] = []
    slow: list[tuple[float, _Tried]] = []
    for _, alike in groupby(found, key=_loss_band):
        hopes = [(_hope(one, question), one) for one in alike]
        slow += [pair for pair in hopes if pair[0] < question.min_tokens_per_s]
        _try_fastest(
            tried, [pair for pair in hopes if pair[0] >= question.min_tokens_per_s], question
        )
        if any(one.runs and not one.demotions for one in tried):
            return best_of(tried)
    if any(one.runs and Demotion.SLOW not in one.demotions for one in tried):
        return best_of(tried)
    for hope, one in sorted(slow, key=_first, reverse=True):
        fastest = max((other.tokens_per_s or 0 for other in tried if other.runs), default=0)
        if hope >= fastest:
            tried.append(_with_cpu(one, question))
    return best_of(tried)


def _try_fastest(
    tried: list[Candidate], hopes: Iterable[tuple[float, _Tried]], question: Question
) -> None:
    """Place quants of one loss, but for those that cannot be as fast as one that was.

    Args:
        tried: What was placed, which is added to.
        hopes: The quants, each with the speed that it does not exceed.
        question: What they are judged by.
    """
    fastest = 0.0
    for hope, one in sorted(hopes, key=_first, reverse=True):
        if one.runs or hope >= fastest:
            found = _with_cpu(one, question)
            tried.append(found)
            if found.runs and not found.demotions:
                fastest = max(fastest, found.tokens_per_s or 0.0)


def _first(pair: tuple[float, _Tried]) -> float:
    return pair[0]


def _hope(tried: _Tried, question: Question) -> float:
    """Tokens per second that it does not exceed with some layers on the CPU."""
    if tried.whole is not None and tried.whole.runs:
        return tried.whole.tokens_per_s or INFINITY
    hope = hoped_tokens_per_s(tried.subject, question.workload, question.target)
    return INFINITY if hope is None else hope


def _loss_band(tried: _Tried) -> int | None:
    return tried.loss.cautious_band


def _with_cpu(tried: _Tried, question: Question) -> Candidate:
    """The same quant, with some layers on the CPU where the GPUs do not hold all."""
    if tried.whole is not None and tried.whole.runs:
        return tried.whole
    return _candidate(tried.subject, question, tried.evidence)


def _candidate(
    subject: Subject, question: Question, evidence: Evidence, *, whole_only: bool = False
) -> Candidate:
    answer = estimate(
        subject, question.workload, question.target, brief=True, whole_only=whole_only
    )
    loss = quality_of(subject.model, subject.quant)
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
