"""What one device takes for one token, by what the time goes to.

Pure formulas: rates, bytes and constants in, seconds out. The constants were fitted on published
runs (`parameters`); `speed` sums over devices, and `explain` writes the same lines out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from advisor.estimate.classes import CPU_CLASS, CPU_SHEET_CLASS, FLOAT, kernel_family
from advisor.estimate.parameters import parameters

if TYPE_CHECKING:
    from advisor.estimate.parameters import DecodeClass, RuntimeFactors
    from advisor.estimate.speed import DecodePart

_CPU_CLASSES = frozenset({CPU_CLASS, CPU_SHEET_CLASS})


@dataclass(frozen=True, slots=True)
class DecodeTimes:
    """Seconds that one device takes for one token, by what they go to."""

    launches: float
    weights: float
    cache: float
    attention: float
    state: float
    is_kernel_bound: bool
    """True when a CPU's cores or slow ALUs, not the memory, set the time for the weights."""

    @property
    def total(self) -> float:
        """All of it."""
        return self.launches + self.weights + self.cache + self.attention + self.state


def decode_times(
    part: DecodePart, constants: DecodeClass, program: RuntimeFactors, bandwidth: float
) -> DecodeTimes:
    """Seconds of one device for one token.

    Args:
        part: What it does.
        constants: Its class.
        program: How the runtime differs from llama.cpp.
        bandwidth: Its own, or an end of its interval. [B/s]

    Raises:
        ValueError: The bandwidth is not positive.
    """
    if bandwidth <= 0:
        msg = f"a bandwidth of {bandwidth:g} B/s reads nothing"
        raise ValueError(msg)
    read = part.weight_bytes / weight_rate(part, constants, program, bandwidth)
    unpacked = unpacking_s(part, constants, bandwidth)
    return DecodeTimes(
        launches=launch_layers(part, constants) * constants.layer_overhead_s * program.overhead,
        weights=max(read, unpacked),
        cache=part.cache_bytes / cache_rate(part, constants, program, bandwidth),
        attention=attention_s(part, constants),
        state=2 * part.state_bytes / (constants.state_efficiency * bandwidth),
        is_kernel_bound=unpacked > read,
    )


def weight_rate(
    part: DecodePart, constants: DecodeClass, program: RuntimeFactors, bandwidth: float
) -> float:
    """The rate at which weights are read, in B/s."""
    known = parameters()
    on_cpu = part.speed_class in _CPU_CLASSES
    kernels = known.cpu.kernels if on_cpu else known.kernels
    family = kernel_family(part.kernel)
    kernel = kernels.get(family, 1.0)
    if part.is_moe and family == FLOAT:
        kernel *= constants.float_experts_factor
    return min(constants.efficiency * kernel * program.efficiency, 1.0) * bandwidth


def launch_layers(part: DecodePart, constants: DecodeClass) -> float:
    """Layers, counted by what their launches cost against a dense attention layer's."""
    plain = part.layers - part.recurrent_layers
    layers = plain + part.recurrent_layers * constants.recurrent_factor
    return layers * constants.moe_factor if part.is_moe else layers


def cache_rate(
    part: DecodePart, constants: DecodeClass, program: RuntimeFactors, bandwidth: float
) -> float:
    """The rate at which keys and values are read, in B/s."""
    share = constants.cache_efficiency if part.flash_attention else constants.plain_cache_efficiency
    return share * program.cache_efficiency * bandwidth


def attention_s(part: DecodePart, constants: DecodeClass) -> float:
    """Multiplying the queries with the keys and values that flash attention reads.

    Several query heads share one KV head, and MLA's all share one latent, so that what is read
    once is multiplied many times; without flash attention it is in the cache's rate. The rate is
    that of few busy cores, and never above the device's own.
    """
    rate = constants.attention_flops_per_s
    if rate is None or not part.flash_attention:
        return 0.0
    return part.attention_flops / min(rate, part.alu_flops_per_s or rate)


def unpacking_s(part: DecodePart, constants: DecodeClass, bandwidth: float) -> float:
    """Unpacking and multiplying the weights, where that can take longer than reading them.

    On the host, by the number of its cores, their instructions and the weights' type; on a GPU of
    slow ALUs by their rate; 0 elsewhere, where it always hides behind the reads.
    """
    if part.cores is not None and part.speed_class in _CPU_CLASSES:
        return part.weight_bytes / (part.cores * core_bytes_per_s(part))
    if not constants.arithmetic_per_weight:
        return 0.0
    return (
        weight_count(part) * constants.arithmetic_per_weight / alu_rate(part, constants, bandwidth)
    )


def weight_count(part: DecodePart) -> float:
    """Weights in the bytes that one token reads, by the usual bits of their kernels."""
    return part.weight_bytes * 8 / parameters().kernel_bits[kernel_family(part.kernel)]


def alu_rate(part: DecodePart, constants: DecodeClass, bandwidth: float) -> float:
    """The device's ALU rate, or what its class has for so much bandwidth, in FLOP/s."""
    return part.alu_flops_per_s or constants.alu_flops_per_byte * bandwidth


def core_bytes_per_s(part: DecodePart) -> float:
    """Weights one core of a host unpacks and multiplies, by their type and its instructions."""
    cpu = parameters().cpu
    per_core = cpu.core_bytes_per_s.get(part.kernel or "", cpu.core_bytes_per_s["q4_K"])
    return per_core * _core_factor(part.instruction_sets)


@cache
def _core_factor(instruction_sets: tuple[str, ...]) -> float:
    """A core with these against one with AVX2."""
    cpu = parameters().cpu
    best = max((cpu.instruction_sets.get(one, 0.0) for one in instruction_sets), default=0.0)
    return best or cpu.without_any
