"""One answer: a model in a quant, a workload and a target in; memory, fit and speed out.

Holds the order of the steps and nothing else: every quantity is another file's.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from advisor.estimate.costs import ContextCosts, Costs
from advisor.estimate.fit import Wanted, judge
from advisor.estimate.overhead import desktop_note
from advisor.estimate.result import Estimate, Fit, Verdict, Why
from advisor.estimate.runtimes import preset
from advisor.estimate.setup import check_head_lengths, resolve
from advisor.estimate.subject import caches_of, shape_of
from advisor.estimate.timing import time_decode
from advisor.figure import Origin

if TYPE_CHECKING:
    from advisor.estimate.fit import Judged
    from advisor.estimate.setup import Setup
    from advisor.estimate.subject import Subject
    from advisor.target import Gpu, Target
    from advisor.workload import Workload
    from catalog.model import Model

PROMPT_TOKENS = 512
"""Length of the prompt that time to first token is stated for, as `llama-bench` pp512 has it."""


def estimate(
    subject: Subject,
    workload: Workload,
    target: Target,
    *,
    brief: bool = False,
    whole_only: bool = False,
) -> Estimate:
    """Everything that can be said about one model on one target.

    Args:
        subject: The model in a quant.
        workload: What it is wanted for.
        target: What it would run on.
        brief: Leave out what a ranking does not need: the longest context that fits, prefill,
            and decode with a full context (together about ten times the work).
        whole_only: Call what the GPUs do not hold whole a *no*.

    Raises:
        UsageError: The workload contradicts the model or itself.
    """
    setup = resolve(
        workload,
        trained_tokens=subject.model.context_tokens,
        architecture=subject.model.architecture,
        gpu_bytes=_gpu_bytes(target),
    )
    check_head_lengths(setup, subject.model.hyperparameters)
    costs = costs_of(subject, setup)
    judged = judge(costs, target, wanted_of(subject, workload), whole_only=whole_only)
    fit = judged.fit if subject.caches is not None else _bounded(judged)
    answer = Estimate(
        subject=subject,
        target_name=target.name,
        setup=setup,
        placement=judged.placement,
        allocations=judged.allocations,
        fit=fit,
        decode=time_decode(subject, costs, judged, target, depth_tokens=setup.depth_tokens),
        decode_full=None,
        prefill=None,
        prompt_tokens=PROMPT_TOKENS,
        notes=_notes(subject, setup, target),
    )
    return answer if brief else _complete(answer, costs, judged, workload, target)


def _gpu_bytes(target: Target) -> int | None:
    """Memory of all GPUs together; ``None`` where one of them does not say."""
    sizes = [gpu.capacity_bytes for gpu in target.gpus]
    return None if None in sizes else sum(int(size.value) for size in sizes if size is not None)


def _notes(subject: Subject, setup: Setup, target: Target) -> tuple[str, ...]:
    """What the reader must know besides: of the target, the model, and the runtime."""
    desktop = desktop_note() if any(_may_draw(gpu) for gpu in target.gpus) else None
    said = (subject.refusal, desktop, preset(setup.runtime).note)
    return (*target.notes, *(note for note in said if note is not None))


def _may_draw(gpu: Gpu) -> bool:
    """True for a card that may draw a desktop, and did not say what that leaves."""
    free = gpu.available_bytes
    return gpu.kind == "desktop" and free is not None and free.origin is Origin.ASSUMED


def _complete(
    answer: Estimate, costs: Costs, judged: Judged, workload: Workload, target: Target
) -> Estimate:
    """The same answer with what takes longer to find."""
    from advisor.estimate.fit_flags import fit_for
    from advisor.estimate.longest import longest_by_kv_type, longest_context
    from advisor.estimate.prompt_timing import time_prefill

    subject, context = answer.subject, answer.setup.context_tokens
    fit = answer.fit
    if subject.caches is not None:
        longest = longest_context(subject, workload, target, judged)
        fit = replace(
            fit,
            max_context_tokens=longest,
            max_context_by_kv_type=longest_by_kv_type(subject, workload, target, judged, longest),
            llama_cpp_fit=fit_for(subject, workload, target, answer.setup),
        )
    return replace(
        answer,
        fit=fit,
        decode_full=time_decode(subject, costs, judged, target, depth_tokens=context),
        prefill=time_prefill(subject, costs, judged, prompt_tokens=PROMPT_TOKENS),
    )


def costs_of(subject: Subject, setup: Setup) -> Costs:
    """What the subject costs in a setup; without its cache where that is not understood."""
    return Costs(weights=subject.weights, context=_context_costs(subject.model, setup))


@cache
def _context_costs(model: Model, setup: Setup) -> ContextCosts:
    """One for all quants of a model, so that a scan adds each cache up once."""
    caches, _ = caches_of(model)
    return ContextCosts(
        caches=caches or (),
        shape=shape_of(model),
        setup=setup,
        block_count=model.hyperparameters.block_count,
    )


def wanted_of(subject: Subject, workload: Workload) -> Wanted:
    """What the workload wants to be where."""
    blocks = subject.weights.block_count
    experts = workload.n_cpu_moe
    return Wanted(
        gpu_layers=blocks + 1 if workload.offload_all else workload.gpu_layers,
        n_cpu_moe=blocks if workload.cpu_moe else experts and min(experts, blocks),
        tensor_split=workload.tensor_split,
    )


def _bounded(judged: Judged) -> Fit:
    """The fit of a model whose cache is not understood: its weights alone are a lower bound."""
    fit = judged.fit
    if fit.verdict is Verdict.NO:
        return fit
    return replace(fit, verdict=Verdict.NO, now=Verdict.NO, idle=Verdict.NO, why=Why.UNKNOWN_CACHE)
