"""How fast a placement decodes, with an interval and with what bounds it.

Pure formulas: rates, bytes and constants in, seconds out. One token takes, summed over devices::

    layers × launch overhead
    + weights read / (efficiency × bandwidth) + cache read / its rate
    + recurrent state / (its efficiency × bandwidth) + unpacking that does not hide behind the reads

because llama.cpp computes layer after layer, one device after the other. The constants were fitted
on published runs (`parameters`); their error is published in `docs/accuracy.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING

from advisor.estimate.classes import CPU_CLASS, CPU_SHEET_CLASS, kernel_family
from advisor.estimate.parameters import (
    DecodeClass,
    RuntimeFactors,
    decode_class,
    parameters,
    runtime_factors,
)

if TYPE_CHECKING:
    from advisor.workload import Runtime

BANDWIDTH = "bandwidth"
OVERHEAD = "overhead"
COMPUTE = "compute"

_CPU_CLASSES = frozenset({CPU_CLASS, CPU_SHEET_CLASS})


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodePart:
    """What one device does for one token."""

    speed_class: str
    """From `classes.speed_class`, or `classes.CPU_CLASS` for the host."""

    bandwidth_bytes_per_s: float
    """Peak of a GPU; the measured read rate of a host."""

    layers: int
    """Blocks on this device that have a mixer and a feed-forward; half of them where the
    architecture counts the two apart (Nemotron-H). The output layer is in the bytes alone."""

    weight_bytes: int
    """Read for one token: no input table, and of the routed experts the used share."""

    cache_bytes: int = 0
    """Keys and values read at the depth in question; windows as far as they reach."""

    state_bytes: int = 0
    """Recurrent state that is read and written: its size once."""

    recurrent_layers: int = 0
    """Of the layers, those with state-space or linear attention (not short convolution)."""

    is_moe: bool = False
    has_latent_cache: bool = False
    """True for multi-head latent attention (DeepSeek V2 and V3, GLM-4.7-Flash)."""

    flash_attention: bool = True
    kernel: str | None = None
    """ggml type of most weights (`q4_K`)."""

    fp16_flops_per_s: float | None = None
    """The catalog's rate; it matters on Apple and Pascal, whose ALUs unpack slowly."""

    bandwidth_low_bytes_per_s: float | None = None
    bandwidth_high_bytes_per_s: float | None = None
    """Where the bandwidth is itself an interval."""

    cores: int | None = None
    """Threads of a host; ``None`` when unknown: its memory then is the only bound."""

    instruction_sets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedTerm:
    """One line of the arithmetic behind a speed."""

    name: str
    """What the time goes to: `launches`, `weights`, `cache`, `hand-over`, `products`, …"""

    seconds: float
    arithmetic: str
    """Such as `799,862,912 B / (0.86 × 1,008 GB/s)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Tokens per second, with the 80 % interval."""

    tokens_per_s: float
    low: float
    high: float
    bound_by: str
    """`bandwidth`, `overhead` or `compute`: what most of the time goes to."""

    explain: Callable[[], tuple[SpeedTerm, ...]] = field(repr=False, compare=False)
    """Works the arithmetic out, one line per term and device; see `terms`."""

    @property
    def terms(self) -> tuple[SpeedTerm, ...]:
        """The arithmetic, worked out when asked for: a scan times a thousand speeds."""
        return self.explain()


@dataclass(frozen=True, slots=True)
class DecodeTimes:
    """Seconds that one device takes for one token, by what they go to."""

    launches: float
    weights: float
    cache: float
    state: float
    unpacking: float
    is_kernel_bound: bool
    """True when a CPU's cores, not its memory, set the time for the weights."""

    @property
    def total(self) -> float:
        """All of it."""
        return self.launches + self.weights + self.cache + self.state + self.unpacking


def decode_speed(
    parts: Sequence[DecodePart], *, runtime: Runtime | str, handovers: int | None = None
) -> Speed:
    """Decode speed of one stream over the devices that hold the model.

    Args:
        parts: One for each device that has layers, in any order.
        runtime: The program; llama.cpp's own and LM Studio count as one.
        handovers: How often a token goes from device to device; ``None`` for once to each. [count]

    Returns:
        Tokens per second. The devices are taken to err together, so the interval of several is
        no narrower than theirs.

    Raises:
        ValueError: There is no part, or a bandwidth is not positive.
    """
    if not parts:
        msg = "a speed needs at least one device"
        raise ValueError(msg)
    count = len(parts) - 1 if handovers is None else handovers
    overhead, compute = count * parameters().handover_s, 0.0
    total = slow = fast = overhead
    for part in parts:
        constants = decode_class(part.speed_class)
        program = runtime_factors(runtime, backend_of(part.speed_class))
        times = decode_times(part, constants, program, part.bandwidth_bytes_per_s)
        seconds = times.total
        total += seconds
        overhead += times.launches
        compute += times.unpacking + (times.weights if times.is_kernel_bound else 0.0)
        low, high = program.interval or (constants.low, constants.high)
        if part.bandwidth_low_bytes_per_s is None:
            slow += seconds / low
            fast += seconds / high
        else:
            slow += _seconds_at(part, constants, program, part.bandwidth_low_bytes_per_s) / low
            best = part.bandwidth_high_bytes_per_s or part.bandwidth_bytes_per_s
            fast += _seconds_at(part, constants, program, best) / high
    return Speed(
        tokens_per_s=1 / total,
        low=1 / slow,
        high=1 / fast,
        bound_by=_largest(total - overhead - compute, overhead, compute),
        explain=partial(_terms, tuple(parts), str(runtime), count),
    )


def _terms(parts: tuple[DecodePart, ...], runtime: str, handovers: int) -> tuple[SpeedTerm, ...]:
    from advisor.estimate.explain import decode_terms

    return decode_terms(parts, runtime, handovers)


def backend_of(speed_class: str) -> str:
    """The backend in a class's name; `cpu` for the host."""
    return speed_class.partition("/")[2] or CPU_CLASS


def _largest(bandwidth: float, overhead: float, compute: float) -> str:
    if compute > bandwidth and compute > overhead:
        return COMPUTE
    return OVERHEAD if overhead > bandwidth else BANDWIDTH


def _seconds_at(
    part: DecodePart, constants: DecodeClass, program: RuntimeFactors, bandwidth: float
) -> float:
    return decode_times(part, constants, program, bandwidth).total


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
    rate = weight_rate(part, constants, program, bandwidth)
    weights, is_kernel_bound = part.weight_bytes / rate, False
    if part.cores is not None and part.speed_class in _CPU_CLASSES:
        unpacked = part.weight_bytes / (part.cores * core_bytes_per_s(part))
        if unpacked > weights:
            weights, is_kernel_bound = unpacked, True
    return DecodeTimes(
        launches=launch_layers(part, constants) * constants.layer_overhead_s * program.overhead,
        weights=weights,
        cache=part.cache_bytes / cache_rate(part, constants, program, bandwidth),
        state=2 * part.state_bytes / (constants.state_efficiency * bandwidth),
        unpacking=unpacking_s(part, constants, bandwidth) if constants.arithmetic_per_weight else 0,
        is_kernel_bound=is_kernel_bound,
    )


def weight_rate(
    part: DecodePart, constants: DecodeClass, program: RuntimeFactors, bandwidth: float
) -> float:
    """The rate at which weights are read, in B/s."""
    known = parameters()
    on_cpu = part.speed_class in _CPU_CLASSES
    kernels = known.cpu.kernels if on_cpu else known.kernels
    kernel = kernels.get(kernel_family(part.kernel), 1.0)
    return min(constants.efficiency * kernel * program.efficiency, 1.0) * bandwidth


def launch_layers(part: DecodePart, constants: DecodeClass) -> float:
    """Layers, counted by what their launches cost against a dense attention layer's."""
    plain = part.layers - part.recurrent_layers
    layers = plain + part.recurrent_layers * constants.recurrent_factor
    return layers * constants.moe_factor if part.is_moe else layers


def cache_rate(
    part: DecodePart, constants: DecodeClass, program: RuntimeFactors, bandwidth: float
) -> float:
    """The rate at which keys and values are read, in B/s.

    With flash attention the reads and what attention takes besides them add up::

        1 / rate = 1 / (efficiency × bandwidth) + 1 / ceiling
    """
    factor = program.cache_efficiency * (
        constants.latent_cache_factor if part.has_latent_cache else 1.0
    )
    if not part.flash_attention:
        return factor * constants.plain_cache_efficiency * bandwidth
    read = constants.cache_efficiency * bandwidth
    ceiling = constants.cache_ceiling_bytes_per_s
    return factor * (read if ceiling is None else read * ceiling / (read + ceiling))


def unpacking_s(part: DecodePart, constants: DecodeClass, bandwidth: float) -> float:
    """Unpacking weights on slow ALUs, as far as it does not hide behind the reads."""
    bits = parameters().kernel_bits[kernel_family(part.kernel)]
    rate = part.fp16_flops_per_s or constants.alu_flops_per_byte * bandwidth
    return part.weight_bytes * 8 / bits * constants.arithmetic_per_weight / rate


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


def time_to_first_token_s(
    prefill: Speed | None, decode: Speed | None, *, prompt_tokens: int
) -> float | None:
    """Seconds until the first token of an answer: the prompt, then one token.

    Returns:
        ``None`` when either speed is not known.
    """
    if prefill is None or decode is None:
        return None
    return prompt_tokens / prefill.tokens_per_s + 1 / decode.tokens_per_s
