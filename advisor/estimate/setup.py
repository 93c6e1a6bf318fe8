"""A workload with every default filled in, as the wanted runtime fills them in.

Holds what each runtime does when nobody says otherwise, with its source; never a byte count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from advisor.errors import UsageError
from advisor.workload import DEFAULT_CONTEXT_TOKENS, FlashAttention, Runtime, Workload
from catalog.quants import ggml_type

if TYPE_CHECKING:
    from catalog.model import Hyperparameters

CONTEXT_STEP_TOKENS = 256
"""llama.cpp rounds the context, and each stream's share of it, up to this many cells."""

KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""What `--cache-type-k` and `--cache-type-v` take."""

_UNQUANTIZED = ("f32", "f16", "bf16")

DEFAULT_SEQUENCES = {Runtime.LLAMA_SERVER: 4}
"""Slots without `-np`; llama-server shares one cache among four, everything else has one.

Source: llama.cpp `tools/server/server.cpp` (October 2026); Ollama's `OLLAMA_NUM_PARALLEL` is 1.
"""

CAPS_LOGITS = frozenset({Runtime.LLAMA_SERVER, Runtime.OLLAMA, Runtime.LMSTUDIO})
"""Runtimes that reserve one row of logits per sequence; the others reserve the micro-batch.

Source: llama.cpp PR 23861 (mid-2026). Ollama runs llama-server since its 0.30.0; LM Studio's
engine is assumed to follow.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One way of running one model, with nothing left open."""

    context_tokens: int
    """Asked for."""

    stream_cells: int
    """Cells of one stream's cache: the context (or a sequence's share), rounded up."""

    streams: int
    """Separate caches: one when the sequences share it, else one per sequence."""

    sequences: int
    unified: bool
    ubatch_tokens: int
    """Tokens of one micro-batch, never more than the context."""

    output_rows: int
    """Rows of logits the runtime reserves."""

    kv_type_k: str
    kv_type_v: str
    flash_attention: bool
    depth_tokens: int
    runtime: Runtime


def round_up(value: int, step: int = CONTEXT_STEP_TOKENS) -> int:
    """The smallest multiple of ``step`` that is not below ``value``."""
    return -(-value // step) * step


def default_context_tokens(trained_tokens: int) -> int:
    """The context of somebody who did not ask: 8,192, or the model's own if that is smaller."""
    return min(DEFAULT_CONTEXT_TOKENS, trained_tokens)


@cache
def resolve(workload: Workload, *, trained_tokens: int) -> Setup:
    """Fill in what the workload leaves to the runtime.

    Args:
        workload: What was asked for.
        trained_tokens: The longest context the model states. [tokens]

    Raises:
        UsageError: The model cannot have this context, or the cache cannot be typed so.
    """
    context = workload.context_tokens
    if context is None:
        context = default_context_tokens(trained_tokens)
    if context > trained_tokens:
        msg = f"a context of {context:,} tokens is beyond the model's own {trained_tokens:,}"
        raise UsageError(msg, f"ask for `--context {trained_tokens}` or less")
    flash = workload.flash_attention is not FlashAttention.OFF
    if workload.runtime is Runtime.LLAMAFILE and workload.flash_attention is FlashAttention.AUTO:
        flash = False
    _check_cache_types(workload, flash=flash)
    sequences = workload.sequences or DEFAULT_SEQUENCES.get(workload.runtime, 1)
    unified = workload.kv_unified
    if unified is None:
        # llama-server shares its slots' cache only when nobody counted the slots.
        unified = sequences == 1 or workload.sequences is None
    streams = 1 if unified else sequences
    ubatch = min(workload.ubatch_tokens, context)
    return Setup(
        context_tokens=context,
        stream_cells=round_up(context // streams),
        streams=streams,
        sequences=sequences,
        unified=unified,
        ubatch_tokens=ubatch,
        output_rows=sequences if workload.runtime in CAPS_LOGITS else ubatch,
        kv_type_k=workload.kv_type_k,
        kv_type_v=workload.kv_type_v,
        flash_attention=flash,
        depth_tokens=min(workload.depth_tokens, context),
        runtime=workload.runtime,
    )


def _check_cache_types(workload: Workload, *, flash: bool) -> None:
    for option, name in (("kv_type_k", workload.kv_type_k), ("kv_type_v", workload.kv_type_v)):
        if name not in KV_TYPES:
            msg = f"`{name}` is not a cache type that llama.cpp takes for `{option}`"
            raise UsageError(msg, f"use one of {', '.join(KV_TYPES)}")
    if not flash and workload.kv_type_v not in _UNQUANTIZED:
        msg = f"llama.cpp refuses a V cache of type `{workload.kv_type_v}` without flash attention"
        raise UsageError(msg, "leave flash attention on, or use `f16`")


def check_head_lengths(setup: Setup, hyper: Hyperparameters) -> None:
    """Refuse a quantized cache whose blocks do not divide the model's heads.

    Raises:
        UsageError: llama.cpp starts no context with this cache.

    Source: llama.cpp `llama_init_from_model` (October 2026).
    """
    if not setup.flash_attention:
        return
    keys = {hyper.key_length, hyper.key_length_swa or hyper.key_length}
    values = {hyper.value_length, hyper.value_length_swa or hyper.value_length}
    for name, letter, lengths in ((setup.kv_type_k, "K", keys), (setup.kv_type_v, "V", values)):
        block = ggml_type(name).block_weights
        for length in sorted(lengths):
            if length % block:
                msg = (
                    f"llama.cpp refuses a {letter} cache of type `{name}` for this model:"
                    f" its heads of {length} are no whole blocks of {block}"
                )
                raise UsageError(msg, "use `f16`")
