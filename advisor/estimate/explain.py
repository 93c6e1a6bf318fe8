"""The arithmetic behind a speed, line by line, for `estimate --explain`.

Works the same formulas out again as `speed` and `prefill`, and says which numbers went in; the sum
of the lines is the time that the speed was made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.estimate.decode_times import (
    alu_rate,
    cache_rate,
    core_bytes_per_s,
    decode_times,
    launch_layers,
    weight_count,
    weight_rate,
)
from advisor.estimate.parameters import (
    decode_class,
    parameters,
    prefill_class,
    runtime_factors,
)
from advisor.estimate.prefill import UBATCH_TOKENS, prefill_flops_per_s, prefill_times
from advisor.estimate.speed import SpeedTerm, backend_of

if TYPE_CHECKING:
    from advisor.estimate.parameters import DecodeClass
    from advisor.estimate.prefill import PrefillPart
    from advisor.estimate.speed import DecodePart

GIGA = 1e9
TERA = 1e12


def decode_terms(
    parts: Sequence[DecodePart], runtime: str, handovers: int
) -> tuple[SpeedTerm, ...]:
    """The lines behind a decode speed; those that take no time are left out."""
    terms = [term for part in parts for term in _decode_part(part, runtime)]
    if handovers:
        each = parameters().handover_s
        arithmetic = f"{handovers} × {each * 1e6:,.0f} µs"
        terms.append(SpeedTerm(name="hand-over", seconds=handovers * each, arithmetic=arithmetic))
    return tuple(term for term in terms if term.seconds > 0)


def _decode_part(part: DecodePart, runtime: str) -> list[SpeedTerm]:
    constants = decode_class(part.speed_class)
    program = runtime_factors(runtime, backend_of(part.speed_class))
    peak = part.bandwidth_bytes_per_s
    times = decode_times(part, constants, program, peak)
    layers = launch_layers(part, constants)
    each = constants.layer_overhead_s * program.overhead
    counted = f"{part.layers} layers" + (f" (as {layers:.0f})" if layers != part.layers else "")
    share = weight_rate(part, constants, program, peak) / peak
    cache = cache_rate(part, constants, program, peak)
    return [
        SpeedTerm(
            name="launches", seconds=times.launches, arithmetic=f"{counted} × {each * 1e6:.1f} µs"
        ),
        SpeedTerm(
            name="weights",
            seconds=times.weights,
            arithmetic=_unpacking(part, constants, peak)
            if times.is_kernel_bound
            else f"{part.weight_bytes:,} B / ({share:.2f} × {_rate(peak)})",
        ),
        SpeedTerm(
            name="cache",
            seconds=times.cache,
            arithmetic=f"{part.cache_bytes:,} B / {_rate(cache)}",
        ),
        SpeedTerm(
            name="attention",
            seconds=times.attention,
            arithmetic=f"{part.attention_flops / GIGA:,.2f} GFLOP / "
            f"{part.attention_flops / (times.attention or 1.0) / TERA:,.2f} TFLOP/s",
        ),
        SpeedTerm(
            name="state",
            seconds=times.state,
            arithmetic=f"2 × {part.state_bytes:,} B / "
            f"({constants.state_efficiency:.2f} × {_rate(peak)})",
        ),
    ]


def _unpacking(part: DecodePart, constants: DecodeClass, peak: float) -> str:
    """The arithmetic where unpacking weights takes longer than reading them."""
    if part.cores is not None:
        return f"{part.weight_bytes:,} B / ({part.cores} cores × {_rate(core_bytes_per_s(part))})"
    rate = alu_rate(part, constants, peak) / TERA
    weights, each = weight_count(part), constants.arithmetic_per_weight
    return f"{weights:,.0f} weights × {each:.1f} operations / {rate:,.1f} TFLOP/s"


def prefill_terms(
    parts: Sequence[PrefillPart], runtime: str, prompt_tokens: int, depth_tokens: int
) -> tuple[SpeedTerm, ...]:
    """The lines behind a prefill speed; those that take no time are left out."""
    terms: list[SpeedTerm] = []
    for part in parts:
        constants = prefill_class(part.speed_class)
        if constants is None:
            continue
        program = runtime_factors(runtime, backend_of(part.speed_class))
        times = prefill_times(part, constants, program, prompt_tokens, depth_tokens)
        rate = prefill_flops_per_s(part, constants, program) / TERA
        products = f"2 × {part.active_weights:,} × {prompt_tokens:,} / {rate:,.1f} TFLOP/s"
        reads = f"{part.weight_bytes:,} B a batch at {_rate(part.bandwidth_bytes_per_s)} peak"
        batches = -(-prompt_tokens // UBATCH_TOKENS)
        each = parameters().prefill.layer_overhead_s * program.prefill_overhead
        terms += [
            SpeedTerm(
                name="launches",
                seconds=times.launches,
                arithmetic=f"{batches} × {part.layers} layers × {each * 1e6:,.0f} µs",
            ),
            SpeedTerm(name="products", seconds=times.products, arithmetic=products),
            SpeedTerm(
                name="attention",
                seconds=times.attention,
                arithmetic=f"{prompt_tokens:,} tokens at {depth_tokens:,} and after",
            ),
            SpeedTerm(name="weights", seconds=times.reads, arithmetic=reads),
        ]
    return tuple(term for term in terms if term.seconds > 0)


def _rate(bytes_per_s: float) -> str:
    return f"{bytes_per_s / GIGA:,.0f} GB/s"
