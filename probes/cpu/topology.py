"""How a Linux machine's processors hang together: cores, fast and slow ones, caches, nodes.

Everything comes from sysfs, which groups logical processors by the numbers the kernel gave them;
`parse_cpu_list` reads its lists. What a processor can do is `probes.cpu.instructions`' business.

Source: Linux `Documentation/admin-guide/cputopology.rst` and
`Documentation/ABI/testing/sysfs-devices-system-cpu`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.machine import Cache

if TYPE_CHECKING:
    from probes.ask import Asker

CpuSet = frozenset[int]
"""Numbers of logical processors."""

_CPUS = "/sys/devices/system/cpu"

_SLOW_TYPES = ("cpu_atom", "cpu_lowpower")
"""Intel's names for its efficiency cores, and for those on the chip's low-power island."""

FAST_CAPACITY = 0.75
"""Of the largest capacity: cores above it are performance cores on ARM.

Cores of one design in other clock bins lie above it, efficiency designs far below (a Cortex-A55
beside a Cortex-A76 has about 0.4).
"""

_SIZE_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Which logical processors there are, and which of them share a core."""

    online: CpuSet

    cores: tuple[CpuSet, ...]
    """The logical processors of each physical core; empty when sysfs does not say."""

    fast: CpuSet | None
    """Those of performance cores; ``None`` where all cores are alike."""

    def count_cores(self, cpus: CpuSet) -> int:
        """Physical cores that have at least one of these processors."""
        return sum(1 for core in self.cores if core & cpus)


def parse_cpu_list(text: str | None) -> CpuSet:
    """The numbers of a list such as `0-3,8,10-11`; empty for text that is none."""
    cpus: set[int] = set()
    for part in (text or "").split(","):
        found = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if found:
            cpus.update(range(int(found[1]), int(found[2] or found[1]) + 1))
    return frozenset(cpus)


def read_topology(asker: Asker) -> Topology:
    """The cores of the machine, whatever part of it this process may use."""
    online = parse_cpu_list(asker.text(f"{_CPUS}/online")) or frozenset(
        int(name[3:]) for name in asker.names(_CPUS) if re.fullmatch(r"cpu\d+", name)
    )
    return Topology(online=online, cores=_cores(asker, online), fast=_fast(asker, online))


def read_caches(asker: Asker, topology: Topology) -> tuple[Cache, ...]:
    """Data and unified caches, and how many of each size there are.

    The threads of a core share all caches, so one of them is asked. A cache that several cores
    share is read once: its list of sharers is remembered under its index, which stands for the
    same level on all of them.
    """
    seen: dict[str, set[int]] = {}
    found: Counter[tuple[int, int]] = Counter()
    for cpu in sorted(map(min, topology.cores) if topology.cores else topology.online):
        folder = f"{_CPUS}/cpu{cpu}/cache"
        for index in asker.names(folder):
            if not index.startswith("index") or cpu in seen.setdefault(index, set()):
                continue
            if asker.text(f"{folder}/{index}/type") not in {"Data", "Unified"}:
                continue
            sharers = parse_cpu_list(asker.text(f"{folder}/{index}/shared_cpu_list"))
            seen[index].update(sharers)
            level = asker.number(f"{folder}/{index}/level")
            size = _size_bytes(asker.text(f"{folder}/{index}/size"))
            if sharers and level and size:
                found[level, size] += 1
    return tuple(
        Cache(level=level, size_bytes=size, instances=count)
        for (level, size), count in sorted(found.items())
    )


def count_numa_nodes(asker: Asker) -> int | None:
    """Nodes that have processors; a node of memory only (a GPU's, CXL) is none."""
    folder = "/sys/devices/system/node"
    nodes = [name for name in asker.names(folder) if re.fullmatch(r"node\d+", name)]
    with_cpus = [name for name in nodes if parse_cpu_list(asker.text(f"{folder}/{name}/cpulist"))]
    return len(with_cpus) or None


def _cores(asker: Asker, online: CpuSet) -> tuple[CpuSet, ...]:
    """By the list of threads that share a core; where there is none, by package and core number.

    The list comes first because a core's number is unique only within its die or cluster.
    """
    cores: list[CpuSet] = []
    known: set[int] = set()
    numbered: dict[tuple[int | None, int], set[int]] = {}
    for cpu in sorted(online):
        if cpu in known:
            continue
        folder = f"{_CPUS}/cpu{cpu}/topology"
        siblings = parse_cpu_list(
            asker.text(f"{folder}/core_cpus_list") or asker.text(f"{folder}/thread_siblings_list")
        )
        if cpu in siblings:
            cores.append(siblings & online)
            known |= siblings
            continue
        number = asker.number(f"{folder}/core_id")
        if number is None:
            return ()
        package = asker.number(f"{folder}/physical_package_id")
        numbered.setdefault((package, number), set()).add(cpu)
    return (*cores, *map(frozenset, numbered.values()))


def _fast(asker: Asker, online: CpuSet) -> CpuSet | None:
    """By Intel's two processor types, or by the capacity the kernel gives each processor."""
    fast = parse_cpu_list(asker.text("/sys/devices/cpu_core/cpus")) & online
    slow = frozenset[int]().union(
        *(parse_cpu_list(asker.text(f"/sys/devices/{kind}/cpus")) for kind in _SLOW_TYPES)
    )
    if fast and slow & online:
        return fast
    capacities = {cpu: asker.number(f"{_CPUS}/cpu{cpu}/cpu_capacity") for cpu in online}
    known = {cpu: capacity for cpu, capacity in capacities.items() if capacity}
    if len(known) < len(online) or not known:
        return None
    bar = FAST_CAPACITY * max(known.values())
    fast = frozenset(cpu for cpu, capacity in known.items() if capacity >= bar)
    return fast if fast < online else None


def _size_bytes(text: str | None) -> int | None:
    found = re.fullmatch(r"(\d+)([KMG]?)", text or "")
    return int(found[1]) * _SIZE_UNITS.get(found[2], 1) if found else None
