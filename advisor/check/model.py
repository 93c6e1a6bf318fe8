"""A required model on a machine: does it fit, in how much context, how fast, how much to download.

Holds the questions to the estimator; whether the answers are good enough is the rules' business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.check.outcome import Status
from advisor.check.problem import Problem, RequirementError
from advisor.errors import BadHeaderError, NoNetworkError, UsageError, translate
from advisor.estimate.result import Verdict

if TYPE_CHECKING:
    from advisor.check.requirement import Requirement
    from advisor.estimate.result import Estimate
    from advisor.offer.offer import Offer
    from advisor.report.download import Download
    from advisor.request import Request
    from advisor.target import Target

_GOOD = (Verdict.FITS, Verdict.TIGHT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """What the estimator says of a model on the machine."""

    estimate: Estimate
    download: Download
    is_here: bool
    """True when the file is on this machine already."""

    longest_tokens: int | None
    """The longest context that fits as well as is asked; ``None`` when none does."""

    smaller_quant: str | None
    """The largest smaller quant that fits as is asked; ``None`` for none, or where not needed."""

    @property
    def name(self) -> str:
        """The model in its quant."""
        subject = self.estimate.subject
        return f"{subject.model.name} in {subject.quant.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUnknown:
    """Why nothing can be said of a model."""

    name: str
    status: Status
    sentence: str
    hint: str | None


def judge_model(asked: Requirement, target: Target) -> ModelAnswer | ModelUnknown | None:
    """What becomes of the model of a requirement on a target.

    Raises:
        RequirementError: There is no such model, quant or setting.
    """
    request = asked.request
    if request is None:
        return None
    try:
        return _judged(asked, request, target)
    except Exception as error:
        known = translate(error)
        if isinstance(known, NoNetworkError):
            return _unknown(request, Status.UNDETERMINED, known)
        if isinstance(known, BadHeaderError):
            return _unknown(request, Status.FAIL, known)
        if not isinstance(known, UsageError):
            raise
        raise RequirementError([_misnamed(asked, request, known)]) from error


def _unknown(request: Request, status: Status, error: Exception) -> ModelUnknown:
    hint = getattr(error, "hint", None)
    return ModelUnknown(name=request.model, status=status, sentence=str(error), hint=hint)


def _misnamed(asked: Requirement, request: Request, error: UsageError) -> Problem:
    """The mistake, at the key that says the name in question."""
    said = str(error)
    workload = request.workload
    names = {
        "quant": request.quant,
        "kv_type_v": workload.kv_type_v,
        "kv_type_k": workload.kv_type_k,
    }
    key = next((key for key, name in names.items() if name and f"`{name}`" in said), "model")
    if said.startswith("a context of "):
        key = "context"
    return Problem(sentence=said, hint=error.hint, place=asked.place_of(key))


def _judged(asked: Requirement, request: Request, target: Target) -> ModelAnswer:
    from advisor.batch import chosen_subject
    from advisor.estimate.estimator import estimate
    from advisor.offer.named import offer_named
    from advisor.report.download import download_of
    from advisor.situation import with_backend

    target = with_backend(target, request.workload.backend)
    offer = offer_named(request.model)
    answer = estimate(chosen_subject(offer, request, target), request.workload, target)
    download = download_of(answer.subject)
    now = _as_it_is_now(target)
    worst = Verdict.PARTIAL if asked.allow_partial else Verdict.TIGHT
    is_enough = answer.fit.verdict.rank <= worst.rank and answer.fit.now is not Verdict.NO
    return ModelAnswer(
        estimate=answer,
        download=download,
        is_here=_is_here(download),
        longest_tokens=_longest(answer, request, now, worst),
        smaller_quant=None if is_enough else _smaller(offer, answer, request, now, worst),
    )


def _as_it_is_now(target: Target) -> Target:
    """The target with no more memory than is free now: a job starts now."""
    gpus = tuple(replace(gpu, capacity_bytes=gpu.available_bytes) for gpu in target.gpus)
    host = replace(target.host, capacity_bytes=target.host.available_bytes)
    return replace(target, gpus=gpus, host=host)


def _longest(answer: Estimate, request: Request, target: Target, worst: Verdict) -> int | None:
    """The longest context whose verdict is no worse than what is asked."""
    from advisor.estimate.fit import Judged
    from advisor.estimate.longest import longest_context

    if answer.subject.caches is None:
        return None
    wanted = Judged(
        placement=answer.placement,
        allocations=answer.allocations,
        fit=replace(answer.fit, verdict=worst),
        gpus=target.gpus,
    )
    return longest_context(answer.subject, request.workload, target, wanted)


def _smaller(
    offer: Offer, answer: Estimate, request: Request, target: Target, worst: Verdict
) -> str | None:
    """The largest quant below the asked one that fits as is asked."""
    from advisor.estimate.estimator import estimate

    size = answer.subject.weights.tensor_bytes
    smaller = sorted(
        (one for one in offer.subjects() if one.weights.tensor_bytes < size),
        key=lambda one: -one.weights.tensor_bytes,
    )
    whole_only = worst is not Verdict.PARTIAL
    for subject in smaller:
        found = estimate(subject, request.workload, target, brief=True, whole_only=whole_only)
        if found.fit.verdict.rank <= worst.rank:
            return subject.quant.name
    return None


def _is_here(download: Download) -> bool:
    """Whether the file lies in the cache that the Hub's programs share, or is a file of our own."""
    if download.file_name is None:
        return False
    if download.repository is None:
        return Path(download.file_name).is_file()
    from advisor.pull.store import hub_cache

    folder = hub_cache() / f"models--{download.repository.replace('/', '--')}" / "snapshots"
    try:
        return any((one / download.file_name).is_file() for one in folder.iterdir())
    except OSError:
        return False
