"""One answer: a model in a quant, a workload and a target in; memory, fit and speed out.

Holds the order of the steps and nothing else: every quantity is another file's.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from advisor.estimate.costs import ContextCosts, Costs
from advisor.estimate.fit import judge, largest_that
from advisor.estimate.result import Estimate, Fit, Verdict, Why
from advisor.estimate.setup import CONTEXT_STEP_TOKENS, check_head_lengths, resolve
from advisor.estimate.subject import caches_of, shape_of
from advisor.estimate.timing import time_decode

if TYPE_CHECKING:
    from advisor.estimate.fit import Judged
    from advisor.estimate.setup import Setup
    from advisor.estimate.subject import Subject
    from advisor.target import Target
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
    setup = resolve(workload, trained_tokens=subject.model.context_tokens)
    check_head_lengths(setup, subject.model.hyperparameters)
    costs = costs_of(subject, setup)
    judged = judge(
        costs, target, gpu_layers=wanted_layers(subject, workload), whole_only=whole_only
    )
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
        notes=target.notes if subject.refusal is None else (*target.notes, subject.refusal),
    )
    return answer if brief else _complete(answer, costs, judged, workload, target)


def _complete(
    answer: Estimate, costs: Costs, judged: Judged, workload: Workload, target: Target
) -> Estimate:
    """The same answer with what takes longer to find."""
    from advisor.estimate.prompt_timing import time_prefill

    subject, context = answer.subject, answer.setup.context_tokens
    fit = answer.fit
    if subject.caches is not None:
        longest = longest_context(subject, workload, target, judged)
        fit = replace(fit, max_context_tokens=longest)
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


def wanted_layers(subject: Subject, workload: Workload) -> int | None:
    """The number of GPU layers asked for; ``None`` to solve for it."""
    if workload.offload_all:
        return subject.weights.block_count + 1
    return workload.gpu_layers


def longest_context(
    subject: Subject, workload: Workload, target: Target, judged: Judged
) -> int | None:
    """The longest context with a verdict no worse than the one for the wanted context.

    Returns:
        Tokens, a multiple of 256 or the model's own; ``None`` when not even 256 fit.
    """
    trained = subject.model.context_tokens
    wanted = max(judged.fit.verdict.rank, Verdict.TIGHT.rank)
    if judged.fit.verdict is Verdict.NO:
        wanted = Verdict.PARTIAL.rank

    def still_fits(steps: int) -> bool:
        context = min(steps * CONTEXT_STEP_TOKENS, trained)
        setup = resolve(replace(workload, context_tokens=context), trained_tokens=trained)
        layers = wanted_layers(subject, workload)
        verdict = judge(costs_of(subject, setup), target, gpu_layers=layers).fit.verdict
        return verdict.rank <= wanted

    steps = largest_that(still_fits, 1, -(-trained // CONTEXT_STEP_TOKENS))
    return None if steps is None else min(steps * CONTEXT_STEP_TOKENS, trained)


def _bounded(judged: Judged) -> Fit:
    """The fit of a model whose cache is not understood: its weights alone are a lower bound."""
    fit = judged.fit
    if fit.verdict is Verdict.NO:
        return fit
    return replace(fit, verdict=Verdict.NO, now=Verdict.NO, idle=Verdict.NO, why=Why.UNKNOWN_CACHE)
