"""How much memory this process may really have.

The machine's memory (`probes.memory.totals`, which asks psutil) is only the beginning: psutil reads
`/proc/meminfo`, which shows a container its host. So control groups' limits (`cgroup`) are laid
over it, the cache of ZFS, which the kernel does not count as available, is added, and memory set
aside as huge pages, which ordinary programs cannot have, is a limit like any other::

    available = min over all groups of (MemAvailable + ZFS cache, limit - (usage - file cache))
    capacity  = min over all groups of (MemTotal - huge pages, limit)

Page cache is not use: the kernel drops it when a program asks for memory. Nothing is subtracted
twice where LXCFS has already put the container's limit into `/proc/meminfo`, because the least of
the answers is taken, not their difference. Swap is never counted as memory.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes.finding import Finding, Severity
from probes.hypervisor import is_wsl
from probes.machine import Memory
from probes.memory.cgroup import MemoryLimit, memory_limits, swap_limits
from probes.memory.modules import read_modules
from probes.memory.totals import Totals, meminfo, read_totals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.ask import Asker

PRESSURE_PERCENT = 10.0
"""Share of the last 10 s in which some program waited for memory, above which it is a warning."""

SWAPPING_BYTES = 1 << 30
"""Swap in use below this is what every machine that was up for weeks has."""

_HUGEPAGES = "/sys/kernel/mm/hugepages"


def probe_memory(asker: Asker) -> tuple[Memory, tuple[Finding, ...]]:
    """The system's memory, its limits, and what of it is free now.

    Raises:
        ProbeError: Nobody says how much memory there is in total.
    """
    totals = read_totals(asker)
    is_linux = asker.os == "linux"
    # A limit above what there is limits nothing.
    limits = tuple(
        limit
        for limit in (memory_limits(asker) if is_linux else ())
        if limit.limit_bytes <= totals.total_bytes
    )
    limit_bytes, limit_source = _tightest(asker, totals, limits)
    available, cache = _available(asker, totals, limits)
    if limit_bytes is not None:
        available = min(available, limit_bytes)
    swap_total, swap_free = _swap(asker, totals)
    modules = read_modules(asker) if is_linux else None
    memory = Memory(
        total_bytes=totals.total_bytes,
        available_bytes=available,
        limit_bytes=limit_bytes,
        limit_source=limit_source,
        reclaimable_cache_bytes=None if cache is None else min(cache, available),
        hugepages_free_bytes=_hugepages_free_bytes(asker) if is_linux else None,
        swap_total_bytes=swap_total,
        swap_free_bytes=swap_free,
        module_rate_transfers_per_s=modules.rate_transfers_per_s if modules else None,
        module_count=modules.count if modules else None,
    )
    return memory, tuple(_findings(asker, totals, limits, memory))


def _tightest(
    asker: Asker, totals: Totals, limits: tuple[MemoryLimit, ...]
) -> tuple[int | None, str | None]:
    """The least a program can have with nothing else running, and why; None when it is all."""
    candidates = [(limit.limit_bytes, limit.source) for limit in limits]
    hugepages = _hugepages_bytes(asker) if asker.os == "linux" else 0
    if 0 < hugepages < totals.total_bytes:
        candidates.append((totals.total_bytes - hugepages, "memory set aside as huge pages"))
    return min(candidates, default=(None, None))


def _available(
    asker: Asker, totals: Totals, limits: tuple[MemoryLimit, ...]
) -> tuple[int, int | None]:
    """What a new program can have now, and how much of that is cache still to be dropped."""
    zfs = _zfs_cache_bytes(asker) if asker.os == "linux" else 0
    whole = totals.total_bytes if totals.available_bytes is None else totals.available_bytes
    available = min(totals.total_bytes, max(0, whole) + zfs)
    cache = None if totals.free_bytes is None else max(0, available - totals.free_bytes)
    for limit in limits:
        if limit.free_bytes is not None and limit.free_bytes < available:
            available, cache = limit.free_bytes, limit.reclaimable_bytes
    return available, cache


def _zfs_cache_bytes(asker: Asker) -> int:
    """What ZFS gives back when asked: its cache above the size it never goes below.

    0 where LXCFS stands before `/proc/meminfo`: the figures of the cache are the host's, the
    memory is the container's.

    Source: OpenZFS `arcstats` (`size`, `c_min`); openzfs/zfs#10255 on why MemAvailable lacks it.
    """
    if _meminfo_is_lxcfs(asker):
        return 0
    text = asker.text("/proc/spl/kstat/zfs/arcstats") or ""
    stats = {
        name: int(value) for name, value in re.findall(r"^(\w+)\s+4\s+(\d+)$", text, re.MULTILINE)
    }
    if "size" not in stats or "c_min" not in stats:
        return 0
    return max(0, stats["size"] - stats["c_min"])


def _meminfo_is_lxcfs(asker: Asker) -> bool:
    mounts = (asker.text("/proc/self/mountinfo") or "").splitlines()
    return any(" /proc/meminfo " in line and "lxcfs" in line for line in mounts)


def _hugepages_free_bytes(asker: Asker) -> int | None:
    """Free huge pages of all sizes; 0 when none are set aside."""
    free = []
    for name in asker.names(_HUGEPAGES):
        size = re.fullmatch(r"hugepages-(\d+)kB", name)
        pages = asker.number(f"{_HUGEPAGES}/{name}/free_hugepages")
        if size and pages is not None:
            free.append(int(size[1]) * 1024 * pages)
    if free:
        return sum(free)
    values = meminfo(asker)
    if "HugePages_Free" not in values or "Hugepagesize" not in values:
        return None
    return values["HugePages_Free"] * values["Hugepagesize"]


def _hugepages_bytes(asker: Asker) -> int:
    """All memory set aside as huge pages; 0 behind LXCFS, which lets the host's figure through."""
    if _meminfo_is_lxcfs(asker):
        return 0
    values = meminfo(asker)
    of_one_size = values.get("HugePages_Total", 0) * values.get("Hugepagesize", 0)
    return values.get("Hugetlb", of_one_size)


def _swap(asker: Asker, totals: Totals) -> tuple[int, int]:
    """Swap that this process may have in total, and that is free."""
    total, free = totals.swap_total_bytes or 0, totals.swap_free_bytes or 0
    for limit in swap_limits(asker) if asker.os == "linux" else ():
        total = min(total, limit.limit_bytes)
        free = min(free, max(0, limit.limit_bytes - limit.used_bytes))
    return total, min(free, total)


def _findings(
    asker: Asker, totals: Totals, limits: tuple[MemoryLimit, ...], memory: Memory
) -> Iterator[Finding]:
    if totals.available_bytes is None:
        yield Finding(
            probe="memory",
            code="memory-free-unknown",
            severity=Severity.WARNING,
            sentence=(
                "The system does not say how much memory is free, so all of it is assumed free"
            ),
        )
    if totals.swap_total_bytes is None:
        yield Finding(
            probe="memory",
            code="memory-swap-unknown",
            severity=Severity.NOTE,
            sentence="The system does not say how much swap there is, so none is assumed",
        )
    if any(limit.used_bytes is None or not limit.use_is_complete for limit in limits):
        yield Finding(
            probe="memory",
            code="memory-limit-use-unknown",
            severity=Severity.NOTE,
            sentence=(
                "What other programs use of this container's memory limit cannot be seen from "
                "here, so less of it may be free than shown"
            ),
        )
    yield from _strain(asker, memory)
    if asker.os == "linux" and is_wsl(asker):
        yield _WSL


def _strain(asker: Asker, memory: Memory) -> Iterator[Finding]:
    pressure = re.search(
        r"^some avg10=(\d+(?:\.\d+)?)", asker.text("/proc/pressure/memory") or "", re.MULTILINE
    )
    if pressure and float(pressure[1]) > PRESSURE_PERCENT:
        yield Finding(
            probe="memory",
            code="memory-pressure",
            severity=Severity.WARNING,
            sentence=(
                f"Programs waited for memory during {pressure[1]} % of the last ten seconds, so "
                "less of it is really free than the kernel says"
            ),
            hint="close programs that hold much memory",
        )
    used = memory.swap_total_bytes - memory.swap_free_bytes
    if used > max(SWAPPING_BYTES, memory.swap_total_bytes // 2):
        yield Finding(
            probe="memory",
            code="memory-swapping",
            severity=Severity.NOTE,
            sentence="More than half of the swap is in use, so memory has been short",
        )


_WSL = Finding(
    probe="memory",
    code="memory-wsl",
    severity=Severity.NOTE,
    sentence=(
        "WSL runs in a virtual machine that gets half of the computer's memory unless "
        "`.wslconfig` says otherwise"
    ),
    hint="set `memory=` under `[wsl2]` in `%UserProfile%\\.wslconfig`, then run `wsl --shutdown`",
)
