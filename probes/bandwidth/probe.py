"""How fast this machine reads its memory, timed here in about 0.2 s.

Holds what the counts are worth. How much is read with how many threads is `plan`'s choice, the
timed loop is `sweep`, and keeping the result `store`'s business.

Two rates come out. Bytes by *wall* time is what was achieved, and too low when other programs
took the CPU; on a machine under load it misses by three to four times. Bytes by *CPU* time is
stable there, but too high when the others left the memory to us. Each is counted in four short
bursts, whose spread shows what the CPU's share cannot: a neighbour on the same memory.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.bandwidth.plan import plan_sweep
from probes.bandwidth.sweep import SweepFailedError, sweep_memory
from probes.finding import Finding, Severity
from probes.machine import ReadBandwidth

if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.bandwidth.plan import Plan
    from probes.bandwidth.sweep import Burst, Sweep
    from probes.machine import Cpu, Memory

BELIEVABLE_SHARE = 0.3
"""With less of the CPU, the bounds are more than three times apart and say nothing."""

LEAST_USEFUL_BUFFER_BYTES = 16 << 20

SLOWEST_BYTES_PER_S = 100e6
FASTEST_BYTES_PER_S = 20_000e9
"""Beyond these no machine lies; a clock that stood still would."""


def measure_read_bandwidth(
    cpu: Cpu,
    memory: Memory,
    *,
    is_virtual: bool = False,
    progress: Callable[[], None] | None = None,
) -> tuple[ReadBandwidth | None, tuple[Finding, ...]]:
    """Time how fast memory is read, with all usable cores and with one.

    Args:
        cpu: Says how many threads to use, and how large a buffer its caches demand.
        memory: Says how much may be swept: a tenth of what is available.
        is_virtual: Whether the cores are a virtual machine's. Its host may run two of them on
            one core, now or in a minute, unseen from inside; half of the threads are timed too,
            and bound the figure from below.
        progress: Called once, just before the timing begins.

    Returns:
        The bounds, or ``None`` and a finding that says why: memory or threads could not be had,
        the caches would have answered instead, or other programs held the CPU.
    """
    plan = plan_sweep(cpu, memory, is_virtual=is_virtual)
    if plan.buffer_bytes < LEAST_USEFUL_BUFFER_BYTES:
        return _too_little_memory()
    if plan.buffer_bytes < 2 * plan.cache_bytes:
        return _cache_too_large(plan)
    if progress is not None:
        progress()
    # Windows counts a thread's CPU time in ticks of 15.6 ms: one long burst instead of short ones.
    burst_s, bursts = (0.25, 1) if sys.platform == "win32" else (0.02, 4)
    try:
        sweeps = sweep_memory(
            thread_counts=plan.thread_counts,
            buffer_bytes=plan.buffer_bytes,
            burst_s=burst_s,
            bursts=bursts,
        )
    except SweepFailedError as error:
        return _unmeasured("failed", str(error))
    return _judge(plan, sweeps)


def _judge(
    plan: Plan, sweeps: tuple[Sweep, ...]
) -> tuple[ReadBandwidth | None, tuple[Finding, ...]]:
    """The bounds: the fastest sweep by CPU time decides, and each sweep's lower rate is achieved.

    On virtual cores what half of the threads read in the time they had bounds it too, since all
    of them may find themselves on half of the cores.
    """
    rates = [_Rates.of(sweep) for sweep in sweeps]
    best = max(rates, key=lambda rate: rate.upper_bytes_per_s)
    if best.cpu_share < BELIEVABLE_SHARE:
        return _busy(best.cpu_share)
    lower = max(rate.lower_bytes_per_s for rate in rates)
    if plan.is_virtual and len(rates) > 1:
        lower = min(rates[0].lower_bytes_per_s, rates[1].mean_bytes_per_s)
    upper = max(lower, best.upper_bytes_per_s)
    if not SLOWEST_BYTES_PER_S <= lower <= upper <= FASTEST_BYTES_PER_S:
        return _implausible(lower, upper)
    bandwidth = ReadBandwidth(
        lower_bytes_per_s=float(round(lower)),
        upper_bytes_per_s=float(round(upper)),
        cpu_share=round(best.cpu_share, 4),
        threads=best.threads,
        buffer_bytes=plan.buffer_bytes,
        caveat="; ".join(plan.caveats) or None,
    )
    return bandwidth, ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rates:
    threads: int
    mean_bytes_per_s: float
    """Bytes by CPU time over the whole sweep."""

    lower_bytes_per_s: float
    """Bytes by wall time over the whole sweep, or by CPU time in its slowest burst."""

    upper_bytes_per_s: float
    """Bytes by CPU time in the fastest burst."""

    cpu_share: float

    @classmethod
    def of(cls, sweep: Sweep) -> _Rates:
        """The rates of one sweep, its threads together."""
        by_burst = [
            sum(burst.read_bytes / _cpu_s(burst) for burst in column)
            for column in zip(*sweep.rows, strict=True)
        ]
        totals = [
            (
                sum(burst.read_bytes for burst in row),
                sum(burst.wall_s for burst in row),
                sum(map(_cpu_s, row)),
            )
            for row in sweep.rows
        ]
        by_wall = sum(read_bytes / wall_s for read_bytes, wall_s, _ in totals)
        return cls(
            threads=sweep.threads,
            mean_bytes_per_s=sum(read_bytes / cpu_s for read_bytes, _, cpu_s in totals),
            lower_bytes_per_s=min(by_wall, *by_burst),
            upper_bytes_per_s=max(by_burst),
            cpu_share=sum(cpu_s for *_, cpu_s in totals) / sum(wall_s for _, wall_s, _ in totals),
        )


def _cpu_s(burst: Burst) -> float:
    """CPU time of a burst, which a coarse clock may put at nothing or above the wall time."""
    return min(max(burst.cpu_s, burst.wall_s / 1000), burst.wall_s)


def _unmeasured(
    code: str, why: str, *, severity: Severity = Severity.NOTE, hint: str | None = None
) -> tuple[None, tuple[Finding, ...]]:
    finding = Finding(
        probe="bandwidth",
        code=f"bandwidth-{code}",
        severity=severity,
        sentence=f"the memory's speed was not measured: {why}",
        hint=hint,
    )
    return None, (finding,)


def _too_little_memory() -> tuple[None, tuple[Finding, ...]]:
    return _unmeasured(
        "too-little-memory",
        "too little memory is available to sweep it",
        hint="close other programs and pass `--measure`",
    )


def _cache_too_large(plan: Plan) -> tuple[None, tuple[Finding, ...]]:
    return _unmeasured(
        "cache-too-large",
        f"caches of {plan.cache_bytes >> 20} MiB would have answered"
        f" for the {plan.buffer_bytes >> 20} MiB that may be read",
    )


def _busy(cpu_share: float) -> tuple[None, tuple[Finding, ...]]:
    return _unmeasured(
        "busy",
        f"other programs, or a quota, left the timing only {cpu_share:.0%} of the CPU",
        severity=Severity.WARNING,
        hint="pass `--measure` when the machine is quiet",
    )


def _implausible(lower: float, upper: float) -> tuple[None, tuple[Finding, ...]]:
    return _unmeasured(
        "implausible",
        f"the clocks gave {lower / 1e9:.3g} to {upper / 1e9:.3g} GB/s, which no machine reads",
        severity=Severity.WARNING,
    )
