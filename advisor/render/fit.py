"""What fits besides, as text: the longest contexts, and what llama.cpp's own `--fit` would run.

Holds the sentences; never a search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.render.units import tokens

if TYPE_CHECKING:
    from advisor.estimate.fit_flags import Choice, LlamaCppFit
    from advisor.estimate.result import Estimate


def longest_contexts(estimate: Estimate) -> str | None:
    """How much context fits, with the asked cache and with smaller ones; ``None`` for none."""
    fit, setup = estimate.fit, estimate.setup
    parts = []
    if fit.max_context_tokens is not None:
        parts.append(f"{tokens(fit.max_context_tokens)} tokens fit as well as this")
    for name, longest in fit.max_context_by_kv_type or ():
        is_more = (longest or 0) > (fit.max_context_tokens or 0)
        if is_more and not setup.kv_type_k == setup.kv_type_v == name:
            parts.append(f"{tokens(longest or 0)} with a {name} cache")
    return "; ".join(parts) or None


def llama_cpp_fit(found: LlamaCppFit) -> str:
    """What `--fit` would run, and between which ends where the need's interval matters."""
    said, less, more = (_flags(one) for one in (found.choice, found.if_less, found.if_more))
    text = f"gives up and runs {said}" if found.choice.gives_up else f"would run {said}"
    if said == less == more:
        return text if found.is_exact else f"{text}; which parts may differ"
    return f"{text} (if the model needs less: {less}; if more: {more})"


def _flags(choice: Choice) -> str:
    """The flags, with the layers counted whose tensors are named one by one."""
    flags, names, overrides = choice.flags.partition(" -ot ")
    if not names:
        return flags
    count = overrides.count(",") + 1
    return f"{flags} -ot … ({count} {'layer' if count == 1 else 'layers'} in part elsewhere)"
