"""How many threads this process can keep busy: one for each core it may really use.

llama.cpp's threads meet at a barrier after every operation, spinning as they wait. So a thread
more than there are cores to run it adds no speed; it stops all others. What counts are physical
cores (a sibling thread of one core adds no arithmetic), fast ones where there are two kinds, that
the scheduler lets us have, rounded *down* to the control group's CPU quota: two threads on a quota
of 1.5 use it up in three quarters of each period and stand still together for the rest.

Source: llama.cpp counts threads likewise, without the quota (`common/common.cpp`,
`common_cpu_get_num_math`); what goes wrong otherwise: ggml-org/llama.cpp#19110, ollama/ollama#5554.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.cpu.topology import CpuSet, Topology
    from probes.machine import Cpu


def filled_in(cpu: Cpu) -> Cpu:
    """The processor with its usable cores, where only the numbers of cores are known."""
    cores = cpu.performance_cores or cpu.physical_cores
    if cores is None:
        return cpu
    usable = _within(min(cores, cpu.allowed_cores or cores), cpu.quota_cores)
    return replace(cpu, usable_cores=usable)


def from_topology(topology: Topology, allowed: CpuSet, quota_cores: float | None) -> int | None:
    """Where it is known which processors share a core; ``None`` where it is not.

    A process that may run only on slow cores uses those.
    """
    if not topology.cores:
        return None
    mine = allowed & topology.online or topology.online
    fast = mine if topology.fast is None else mine & topology.fast
    return _within(topology.count_cores(fast or mine), quota_cores)


def _within(cores: int, quota_cores: float | None) -> int:
    return max(1, cores if quota_cores is None else min(cores, int(quota_cores)))
