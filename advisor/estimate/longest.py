"""The longest context that fits: searches over the one model of memory, no formula of its own.

Holds what is searched for; `solver` has the search.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.errors import UsageError
from advisor.estimate.estimator import costs_of, setup_for, wanted_of
from advisor.estimate.fit import judge, lacks_bytes, may_be_shared_out
from advisor.estimate.result import Verdict
from advisor.estimate.setup import CONTEXT_STEP_TOKENS, check_head_lengths, resolve
from advisor.estimate.solver import largest_within

if TYPE_CHECKING:
    from advisor.estimate.fit import Judged
    from advisor.estimate.subject import Subject
    from advisor.target import Target
    from advisor.workload import Workload

SHOWN_KV_TYPES = ("f16", "q8_0", "q4_0")
"""Cache types that people choose among; K and V are both of it."""


def longest_context(
    subject: Subject, workload: Workload, target: Target, judged: Judged, *, least: int = 0
) -> int | None:
    """The longest context with a verdict no worse than the one for the wanted context.

    Args:
        subject: The model in a quant.
        workload: What it is wanted for; its context is what is searched for.
        target: What it would run on.
        judged: The judgement of the wanted context.
        least: A context that is likely to fit, to begin with. [tokens]

    Returns:
        Tokens, a multiple of 256 or the model's own; ``None`` when not even 256 fit.
    """
    trained = subject.model.context_tokens
    wanted = wanted_of(subject, workload)
    is_whole = judged.fit.verdict.rank <= Verdict.TIGHT.rank

    def excess(steps: int) -> float:
        context = min(steps * CONTEXT_STEP_TOKENS, trained)
        setup = setup_for(subject, replace(workload, context_tokens=context), target)
        costs = costs_of(subject, setup)
        if is_whole:
            return lacks_bytes(costs, target, wanted)
        if may_be_shared_out(costs, target, wanted):
            return 0
        return 1 if judge(costs, target, wanted).fit.verdict is Verdict.NO else 0

    most = -(-trained // CONTEXT_STEP_TOKENS)
    known = max(least // CONTEXT_STEP_TOKENS, 1)
    steps = largest_within(excess, known, most)
    if steps is None and known > 1:
        steps = largest_within(excess, 1, known)
    return None if steps is None else min(steps * CONTEXT_STEP_TOKENS, trained)


def longest_by_kv_type(
    subject: Subject, workload: Workload, target: Target, judged: Judged, known: int | None
) -> tuple[tuple[str, int | None], ...]:
    """The same for each type that people give the cache.

    Args:
        subject: The model in a quant.
        workload: What it is wanted for.
        target: What it would run on.
        judged: The judgement of the wanted context with the wanted types.
        known: The longest context with the wanted types.

    Returns:
        Each type with its longest context; ``None`` for a type that llama.cpp refuses here, and
        where nothing fits.
    """
    found: list[tuple[str, int | None]] = []
    least = 0
    for name in SHOWN_KV_TYPES:
        longest = known
        if not workload.kv_type_k == workload.kv_type_v == name:
            asked = replace(workload, kv_type_k=name, kv_type_v=name)
            longest = _unless_refused(subject, asked, target, judged, least)
        found.append((name, longest))
        least = longest or least
    return tuple(found)


def _unless_refused(
    subject: Subject, workload: Workload, target: Target, judged: Judged, least: int
) -> int | None:
    try:
        setup = resolve(
            replace(workload, context_tokens=CONTEXT_STEP_TOKENS),
            trained_tokens=max(CONTEXT_STEP_TOKENS, subject.model.context_tokens),
        )
        check_head_lengths(setup, subject.model.hyperparameters)
    except UsageError:
        return None
    return longest_context(subject, workload, target, judged, least=least)
