"""The arithmetic behind a speed, line by line, for `estimate --explain`.

Works the same formulas out again as `speed` and `prefill`, and says which numbers went in; the sum
of the lines is the time that the speed was made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.estimate.parameters import (
    decode_class,
    parameters,
    prefill_class,
    runtime_factors,
)
from advisor.estimate.prefill import prefill_flops_per_s, prefill_times
from advisor.estimate.speed import (
    SpeedTerm,
    backend_of,
    cache_rate,
    core_bytes_per_s,
    decode_times,
    launch_layers,
    weight_rate,
)

if TYPE_CHECKING:
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
    share = weight_rate(part, constants, program, peak) / peak
    layers = launch_layers(part, constants)
    each = constants.layer_overhead_s * program.overhead
    counted = f"{part.layers} layers" + (f" (as {layers:.0f})" if layers != part.layers else "")
    read = f"{part.weight_bytes:,} B / ({share:.2f} × {_rate(peak)})"
    if times.is_kernel_bound:
        read = f"{part.weight_bytes:,} B / ({part.cores} cores × {_rate(core_bytes_per_s(part))})"
    cache = cache_rate(part, constants, program, peak)
    return [
        SpeedTerm(
            name="launches", seconds=times.launches, arithmetic=f"{counted} × {each * 1e6:.1f} µs"
        ),
        SpeedTerm(name="weights", seconds=times.weights, arithmetic=read),
        SpeedTerm(
            name="cache",
            seconds=times.cache,
            arithmetic=f"{part.cache_bytes:,} B / {_rate(cache)}",
        ),
        SpeedTerm(
            name="state",
            seconds=times.state,
            arithmetic=f"2 × {part.state_bytes:,} B / "
            f"({constants.state_efficiency:.2f} × {_rate(peak)})",
        ),
        SpeedTerm(
            name="unpacking",
            seconds=times.unpacking,
            arithmetic=f"{constants.arithmetic_per_weight:.1f} operations on each weight",
        ),
    ]


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
        terms += [
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
