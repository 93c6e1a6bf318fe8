"""What Ollama decides before it starts its llama-server: how large a batch, and flash attention.

It forecasts what a model takes by a rule of its own, takes a single GPU where that is enough, and a
smaller batch where little is left. Holds those rules; never what is really reserved, which is
`memory`'s.

Source: Ollama `server/sched.go` (`automaticGenerationBatch`, `selectLlamaServerPlacement`),
`llm/llama_server.go` (`PredictServerVRAM`) and `ml/device.go` (`FlashAttentionSupported`), August
2026; it starts a llama-server since v0.30.0 of May 2026.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.estimate.graph_shape import ENCODERS, largest
from advisor.estimate.runtimes import batch_for_context
from advisor.workload import FlashAttention

if TYPE_CHECKING:
    from advisor.estimate.setup import Setup
    from advisor.estimate.subject import Subject
    from advisor.target import Gpu, Target
    from advisor.workload import Workload
    from catalog.model import Hyperparameters

USUAL_BATCH = 512
"""Never lowered further, but for `CONSTRAINED_BATCH`."""

CONSTRAINED_BATCH = 256
"""Of a small CUDA card without flash attention, beyond `SHORT_CONTEXT_TOKENS`."""

SMALL_CARD_BYTES = 8 << 30
SHORT_CONTEXT_TOKENS = 4096

MOST_PERCENT = 80
"""Of the free memory: what forecast and batch may take together."""

SURCHARGES: dict[int, tuple[int, int]] = {2048: (2 << 30, 60), 1024: (768 << 20, 75)}
"""Batch → what is counted for it in bytes, and the percent of the free memory that the forecast may
take for it at most."""

WITHOUT_FLASH = (7.2,)
LEAST_FLASH = 6.0
"""Compute capabilities: none below this, and not the one above, have flash attention."""


def as_ollama_asks(workload: Workload, subject: Subject, target: Target, setup: Setup) -> Workload:
    """The workload with what Ollama decides by the memory that is free.

    Args:
        workload: What was asked of Ollama.
        subject: The model in a quant.
        target: What it would run on.
        setup: The workload with the context filled in.
    """
    context = setup.context_tokens * setup.sequences
    forecast = forecast_bytes(subject, context_tokens=context)
    gpus = _chosen(target.gpus, forecast)
    if workload.flash_attention is FlashAttention.AUTO and _lacks_flash(gpus):
        workload = replace(workload, flash_attention=FlashAttention.OFF)
    if workload.ubatch_tokens is not None or subject.model.architecture in ENCODERS:
        return workload
    has_flash = workload.flash_attention is not FlashAttention.OFF
    batch = batch_tokens(context, forecast=forecast, gpus=gpus, has_flash=has_flash)
    return replace(workload, ubatch_tokens=batch)


def batch_tokens(
    context_tokens: int, *, forecast: int, gpus: Sequence[Gpu], has_flash: bool
) -> int:
    """The batch for a context, lowered until the forecast leaves room for it.

    Args:
        context_tokens: Of all sequences together. [tokens]
        forecast: What the model is thought to take. [bytes]
        gpus: Those in use; without any, or any whose memory is known, nothing is lowered.
        has_flash: False where attention stores its scores.
    """
    cuda = [gpu for gpu in gpus if gpu.backend == "cuda"]
    if cuda and not has_flash:
        is_small = any(0 < _free_bytes(gpu) <= SMALL_CARD_BYTES for gpu in cuda)
        is_short = context_tokens <= SHORT_CONTEXT_TOKENS
        return CONSTRAINED_BATCH if is_small and not is_short else USUAL_BATCH
    wanted = batch_for_context(context_tokens, is_encoder=False)
    free = sum(map(_free_bytes, gpus))
    for batch, (surcharge, percent) in SURCHARGES.items():
        has_room = forecast + surcharge <= free * MOST_PERCENT // 100
        if batch <= wanted and (not free or (has_room and forecast <= free * percent // 100)):
            return batch
    return USUAL_BATCH


def forecast_bytes(subject: Subject, *, context_tokens: int) -> int:
    """What Ollama thinks that a model takes: its file, and a cache in F16 of equal, full layers.

    ``file + 2 × layers × fewest KV heads × (embedding / most heads) × context × 2``

    Args:
        subject: The model in a quant; where no file was looked at, its tensors stand for the file.
        context_tokens: Of all sequences together. [tokens]
    """
    hyper: Hyperparameters = subject.model.hyperparameters
    kv_heads = hyper.head_count_kv
    fewest = (kv_heads if isinstance(kv_heads, int) else min(kv_heads)) or 1
    heads = largest(hyper.head_count)
    head = hyper.embedding_length // heads if heads else 0
    layers = subject.weights.layers - 1
    file = subject.file.size_bytes if subject.file else subject.weights.tensor_bytes
    return file + 2 * layers * fewest * head * context_tokens * 2


def _chosen(gpus: Sequence[Gpu], forecast: int) -> Sequence[Gpu]:
    """The one with most memory free of those that hold the forecast alone; else all of them."""
    if len(gpus) < 2:
        return gpus
    enough = [gpu for gpu in gpus if forecast <= _free_bytes(gpu) * MOST_PERCENT // 100]
    return [max(enough, key=_free_bytes)] if enough else gpus


def _free_bytes(gpu: Gpu) -> int:
    """What a GPU has free, else what it has; 0 where neither is known."""
    known = gpu.available_bytes or gpu.capacity_bytes
    return 0 if known is None else int(known.value)


def _lacks_flash(gpus: Sequence[Gpu]) -> bool:
    """True with a CUDA card that is too old for flash attention."""
    return any(gpu.backend == "cuda" and _is_too_old(gpu.architecture) for gpu in gpus)


def _is_too_old(capability: str | None) -> bool:
    try:
        number = float(capability or "")
    except ValueError:
        return False
    return number < LEAST_FLASH or number in WITHOUT_FLASH
