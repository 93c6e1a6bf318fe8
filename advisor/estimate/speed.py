"""How fast a placement decodes, with an interval and with what bounds it.

Pure formulas: rates, bytes and constants in, seconds out. One token takes, summed over devices::

    layers × launch overhead
    + weights read / (efficiency × bandwidth), or unpacking them if that takes longer
    + cache read / (its efficiency × bandwidth) + attention's products / their rate
    + recurrent state / (its efficiency × bandwidth)

because llama.cpp computes layer after layer, one device after the other. The constants were fitted
on published runs (`parameters`); their error is published in `docs/accuracy.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from advisor.estimate.classes import CPU_CLASS
from advisor.estimate.decode_times import decode_times
from advisor.estimate.parameters import decode_class, parameters, runtime_factors

if TYPE_CHECKING:
    from advisor.estimate.parameters import DecodeClass, RuntimeFactors
    from advisor.workload import Runtime

BANDWIDTH = "bandwidth"
OVERHEAD = "overhead"
COMPUTE = "compute"
PCIE = "pcie"
"""Handing activations from device to device, which takes as long as the link answers."""


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

    attention_flops: int = 0
    """What the query heads multiply at that depth: every one of them with all keys and values."""

    state_bytes: int = 0
    """Recurrent state that is read and written: its size once."""

    recurrent_layers: int = 0
    """Of the layers, those with state-space or linear attention (not short convolution)."""

    is_moe: bool = False
    flash_attention: bool = True
    kernel: str | None = None
    """ggml type of most weights (`q4_K`)."""

    alu_flops_per_s: float | None = None
    """From `classes.alu_flops_per_s`: what unpacking (Pascal and older) and attention reach."""

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
    """`bandwidth`, `overhead`, `compute` or `pcie`: what most of the time goes to."""

    explain: Callable[[], tuple[SpeedTerm, ...]] = field(repr=False, compare=False)
    """Works the arithmetic out, one line per term and device; see `terms`."""

    @property
    def terms(self) -> tuple[SpeedTerm, ...]:
        """The arithmetic, worked out when asked for: a scan times a thousand speeds."""
        return self.explain()


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
    handover = count * parameters().handover_s
    overhead = compute = 0.0
    total = slow = fast = handover
    for part in parts:
        constants = decode_class(part.speed_class)
        program = runtime_factors(runtime, backend_of(part.speed_class))
        times = decode_times(part, constants, program, part.bandwidth_bytes_per_s)
        seconds = times.total
        total += seconds
        overhead += times.launches
        compute += times.attention + (times.weights if times.is_kernel_bound else 0.0)
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
        bound_by=largest(
            {
                BANDWIDTH: total - handover - overhead - compute,
                OVERHEAD: overhead,
                COMPUTE: compute,
                PCIE: handover,
            }
        ),
        explain=partial(_terms, tuple(parts), str(runtime), count),
    )


def _terms(parts: tuple[DecodePart, ...], runtime: str, handovers: int) -> tuple[SpeedTerm, ...]:
    from advisor.estimate.explain import decode_terms

    return decode_terms(parts, runtime, handovers)


def backend_of(speed_class: str) -> str:
    """The backend in a class's name; `cpu` for the host."""
    return speed_class.partition("/")[2] or CPU_CLASS


def largest(seconds: dict[str, float]) -> str:
    """What most of the time goes to; the first of equals."""
    return max(seconds, key=lambda what: seconds[what])


def _seconds_at(
    part: DecodePart, constants: DecodeClass, program: RuntimeFactors, bandwidth: float
) -> float:
    return decode_times(part, constants, program, bandwidth).total
