"""How fast a placement reads a prompt: the compute roofline, with its memory bound.

Pure formulas. A prompt takes, summed over devices::

    products / (efficiency × FP16 rate) + attention / (efficiency × FP16 rate)
    + weights / (efficiency × bandwidth) + layers × overhead, once for each batch of 512 tokens

The constants were fitted on published runs (`parameters`); their error is in `docs/accuracy.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from advisor.estimate.classes import kernel_family
from advisor.estimate.parameters import (
    PrefillClass,
    RuntimeFactors,
    parameters,
    prefill_class,
    runtime_factors,
)
from advisor.estimate.speed import BANDWIDTH, COMPUTE, OVERHEAD, Speed, backend_of, largest

if TYPE_CHECKING:
    from advisor.estimate.speed import SpeedTerm
    from advisor.workload import Runtime

UBATCH_TOKENS = 512
"""Tokens of a prompt that llama.cpp processes at once, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillPart:
    """What one device does for a prompt."""

    speed_class: str
    bandwidth_bytes_per_s: float
    fp16_flops_per_s: float | None
    """Dense matrix FP16 with FP32 accumulation; without it there is no prediction."""

    active_weights: int
    """Weights that multiply each token: of the routed experts the used share, no tables."""

    weight_bytes: int
    """Of all weights here but the input table, unused experts included."""

    layers: int = 0
    """As `DecodePart` counts them."""

    is_half_rate: bool = False
    """From `classes.halves_fp16`."""

    expert_bytes_share: float = 0.0
    """Share of those bytes that are routed experts."""

    experts_used_share: float = 1.0
    """Experts used per token over experts there are."""

    attention_width: int = 0
    """Query heads × head length, summed over the layers with full attention here. [elements]"""

    flash_attention: bool = True
    kernel: str | None = None

    @property
    def is_moe(self) -> bool:
        """True when there are routed experts here."""
        return self.expert_bytes_share > 0


def touched_share(*, expert_share: float, used_share: float, tokens: int) -> float:
    """Share of a mixture's weights that a batch reads: more tokens choose more experts.

    Each token is taken to choose its experts at random, so that one expert is left alone with a
    chance of ``(1 - used_share) ** tokens``.

    Args:
        expert_share: Routed experts' share of the weights. [0 to 1]
        used_share: Experts used per token over experts there are. [0 to 1]
        tokens: In the batch. [tokens]
    """
    return 1 - expert_share * (1 - used_share) ** tokens


@dataclass(frozen=True, slots=True)
class PrefillTimes:
    """Seconds that one device takes for a prompt, by what they go to."""

    launches: float
    products: float
    attention: float
    reads: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.launches + self.products + self.attention + self.reads


def prefill_speed(
    parts: Sequence[PrefillPart],
    *,
    prompt_tokens: int,
    runtime: Runtime | str,
    depth_tokens: int = 0,
) -> Speed | None:
    """Speed at which a prompt is read.

    Args:
        parts: One for each device that has layers.
        prompt_tokens: Length of the prompt. [tokens]
        runtime: The program.
        depth_tokens: Already in the cache before it. [tokens]

    Returns:
        Tokens of the prompt per second; ``None`` when the FP16 rate of a device is not known, as
        it never is for a CPU.

    Raises:
        ValueError: There is no part, or the prompt is empty.
    """
    if not parts or prompt_tokens <= 0:
        msg = "a prefill speed needs a device and a prompt"
        raise ValueError(msg)
    total = slow = fast = reads = launches = 0.0
    for part in parts:
        constants = prefill_class(part.speed_class)
        if constants is None or part.fp16_flops_per_s is None:
            return None
        program = runtime_factors(runtime, backend_of(part.speed_class))
        times = prefill_times(part, constants, program, prompt_tokens, depth_tokens)
        total += times.total
        reads += times.reads
        launches += times.launches
        slow += times.total / constants.low
        fast += times.total / constants.high
    return Speed(
        tokens_per_s=prompt_tokens / total,
        low=prompt_tokens / slow,
        high=prompt_tokens / fast,
        bound_by=largest({COMPUTE: total - reads - launches, BANDWIDTH: reads, OVERHEAD: launches}),
        explain=partial(_terms, tuple(parts), str(runtime), prompt_tokens, depth_tokens),
    )


def _terms(
    parts: tuple[PrefillPart, ...], runtime: str, prompt_tokens: int, depth_tokens: int
) -> tuple[SpeedTerm, ...]:
    from advisor.estimate.explain import prefill_terms

    return prefill_terms(parts, runtime, prompt_tokens, depth_tokens)


def prefill_times(
    part: PrefillPart,
    constants: PrefillClass,
    program: RuntimeFactors,
    prompt_tokens: int,
    depth_tokens: int,
) -> PrefillTimes:
    """Seconds of one device for a prompt, whose FP16 rate is known."""
    common = parameters().prefill
    rate = prefill_flops_per_s(part, constants, program)
    products = 2 * part.active_weights * prompt_tokens / rate
    pairs = prompt_tokens * (depth_tokens + prompt_tokens / 2)
    attention = 4 * part.attention_width * pairs / rate
    touched = part.weight_bytes * touched_share(
        expert_share=part.expert_bytes_share,
        used_share=part.experts_used_share,
        tokens=min(prompt_tokens, UBATCH_TOKENS),
    )
    batches = -(-prompt_tokens // UBATCH_TOKENS)
    each = common.layer_overhead_s * program.prefill_overhead
    return PrefillTimes(
        launches=batches * part.layers * each,
        products=products * common.moe_factor if part.is_moe else products,
        attention=attention if part.flash_attention else attention * common.plain_attention_factor,
        reads=batches * touched / (common.read_efficiency * part.bandwidth_bytes_per_s),
    )


def prefill_flops_per_s(
    part: PrefillPart, constants: PrefillClass, program: RuntimeFactors
) -> float:
    """The rate that a device's prompt kernels reach, in FLOP/s."""
    common = parameters().prefill
    rate = (part.fp16_flops_per_s or 0.0) * constants.efficiency * program.prefill_efficiency
    if part.is_half_rate:
        rate *= common.half_rate_factor
    if kernel_family(part.kernel) == "float":
        rate *= common.float_factor
    return rate
