"""A workload with every default filled in, as the wanted runtime fills them in.

Holds how asked and unasked come together; `runtimes` has what each runtime does when nobody says
otherwise. Never a byte count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from advisor.errors import UsageError
from advisor.estimate.graph_shape import ENCODERS
from advisor.estimate.runtimes import Preset, batch_for_context, context_for_memory, preset
from advisor.workload import (
    DEFAULT_CONTEXT_TOKENS,
    Era,
    FlashAttention,
    LoadMode,
    Runtime,
    Workload,
)
from catalog.quants import ggml_type

if TYPE_CHECKING:
    from catalog.model import Hyperparameters

CONTEXT_STEP_TOKENS = 256
"""llama.cpp rounds the context, and each stream's share of it, up to this many cells."""

KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""What `--cache-type-k` and `--cache-type-v` take."""

_UNQUANTIZED = ("f32", "f16", "bf16")


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
    """Tokens of one micro-batch, never more than the context; an encoder's, than its cells."""

    output_rows: int
    """Rows of logits the runtime reserves."""

    kv_type_k: str
    kv_type_v: str
    flash_attention: bool
    depth_tokens: int
    runtime: Runtime
    era: Era = Era.CURRENT
    may_lose_flash: bool = False
    """True when flash attention is on because nobody said otherwise, so that it may be given up."""

    insists_on_flash: bool = False
    """True where somebody asked for flash attention in so many words."""

    keeps_whole_windows: bool = False
    """True where layers with a window keep the whole context all the same (`swa_full`)."""

    load_mode: LoadMode = LoadMode.AUTO

    @property
    def maps_file(self) -> bool:
        """True where the weights of a machine without GPU are pages of the file."""
        is_mapped = self.load_mode.is_mapped
        return preset(self.runtime).maps_file if is_mapped is None else is_mapped


def round_up(value: int, step: int = CONTEXT_STEP_TOKENS) -> int:
    """The smallest multiple of ``step`` that is not below ``value``."""
    return -(-value // step) * step


def cells_of_stream(context_tokens: int, streams: int) -> int:
    """Cells of each of so many caches that share a context.

    ``round_up(round_up(context) / streams)``: llama.cpp rounds up before it divides, and after.

    Args:
        context_tokens: Of all of them together. [tokens]
        streams: Caches. [count]

    Source:
        llama.cpp `src/llama-context.cpp` (`n_ctx_seq`, October 2026).
    """
    return round_up(round_up(context_tokens) // streams)


def default_context_tokens(trained_tokens: int) -> int:
    """The context of somebody who did not ask: 8,192, or the model's own if that is smaller."""
    return min(DEFAULT_CONTEXT_TOKENS, trained_tokens)


@cache
def resolve(
    workload: Workload,
    *,
    trained_tokens: int,
    architecture: str | None = None,
    gpu_bytes: int | None = None,
) -> Setup:
    """Fill in what the workload leaves to the runtime.

    Args:
        workload: What was asked for.
        trained_tokens: The longest context the model states. [tokens]
        architecture: llama.cpp's name of the model's, which some runtimes look at.
        gpu_bytes: Memory of all GPUs together, which decides Ollama's context where nobody
            asked for one; ``None`` when it is not known. [bytes]

    Raises:
        UsageError: The model cannot have this context, or the cache cannot be typed so.
    """
    own = preset(workload.runtime)
    context = _context_tokens(workload, own, trained_tokens, gpu_bytes)
    flash = own.has_flash_attention
    if workload.flash_attention is not FlashAttention.AUTO:
        flash = workload.flash_attention is FlashAttention.ON
    _check_cache_types(workload, flash=flash)
    sequences = 1 if architecture in own.single else workload.sequences or own.sequences
    unified = workload.kv_unified
    if unified is None:
        # llama-server shares its slots' cache only when nobody counted the slots.
        unified = sequences == 1 or workload.sequences is None
    streams = 1 if unified else sequences
    held = context * sequences if own.is_context_of_each else context
    cells = cells_of_stream(held, streams)
    # An encoder looks both ways, and llama.cpp bounds its batch by what the context became.
    longest = cells * streams if architecture in ENCODERS else held
    ubatch = min(_batch_tokens(workload, own, context, architecture), longest)
    is_capped = own.caps_rows and workload.era is Era.CURRENT
    return Setup(
        context_tokens=context,
        stream_cells=cells,
        streams=streams,
        sequences=sequences,
        unified=unified,
        ubatch_tokens=ubatch,
        output_rows=sequences if is_capped else ubatch,
        kv_type_k=workload.kv_type_k,
        kv_type_v=workload.kv_type_v,
        flash_attention=flash,
        depth_tokens=min(workload.depth_tokens, context),
        runtime=workload.runtime,
        era=workload.era,
        may_lose_flash=_may_lose_flash(workload, flash=flash),
        insists_on_flash=workload.flash_attention is FlashAttention.ON,
        keeps_whole_windows=own.keeps_whole_windows,
        load_mode=workload.load_mode,
    )


def _may_lose_flash(workload: Workload, *, flash: bool) -> bool:
    """True when `auto` chose flash attention; a quantized cache of V insists on it."""
    is_auto = workload.flash_attention is FlashAttention.AUTO
    return flash and is_auto and workload.kv_type_v in _UNQUANTIZED


def _context_tokens(
    workload: Workload, own: Preset, trained_tokens: int, gpu_bytes: int | None
) -> int:
    """The context asked for, else the runtime's own."""
    context = workload.context_tokens
    if context is None and own.context_by_memory:
        return min(context_for_memory(gpu_bytes), trained_tokens)
    if context is None:
        return default_context_tokens(trained_tokens)
    if context > trained_tokens:
        msg = f"a context of {context:,} tokens is beyond the model's own {trained_tokens:,}"
        raise UsageError(msg, f"ask for `--context {trained_tokens}` or less")
    return context


def _batch_tokens(
    workload: Workload, own: Preset, context_tokens: int, architecture: str | None
) -> int:
    """The micro-batch asked for, else the runtime's own."""
    if workload.ubatch_tokens is not None:
        return workload.ubatch_tokens
    if own.batch_tokens is not None:
        return own.batch_tokens
    return batch_for_context(context_tokens, is_encoder=architecture in ENCODERS)


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
        UsageError: llama.cpp starts no context with this cache, or with these two types.

    Source: llama.cpp `llama_init_from_model` (October 2026).
    """
    is_latent = hyper.key_length_mla or hyper.compress_ratios
    if is_latent and setup.kv_type_k != setup.kv_type_v:
        msg = (
            "llama.cpp refuses different types for K and V for this model, whose one latent is"
            f" both: `{setup.kv_type_k}` and `{setup.kv_type_v}`"
        )
        raise UsageError(msg, "give both the same type")
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
