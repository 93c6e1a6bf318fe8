"""How memory is read to time it: with how many threads, and how much of it.

Holds the choice and the reasons why its result may be off, which are known beforehand; never a
result. The reading is `probes.bandwidth.sweep`'s, the judgement `probes.bandwidth.probe`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.bandwidth.sweep import has_slow_memchr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.machine import Cpu, Memory

SMALLEST_BUFFER_BYTES = 128 << 20
LARGEST_BUFFER_BYTES = 512 << 20
LARGEST_PART_BYTES = 128 << 20
"""Of one thread, when the whole is larger. Writing more for the first time takes longer than the
timing does; the threads write side by side, so large caches can be outgrown by many threads."""

UNLISTED_CACHE_BUFFER_BYTES = 256 << 20
"""Where no third level is listed: Apple's and Qualcomm's chips have a system cache unseen."""

MOST_THREADS = 8
"""As many as saturate the two channels of a desktop, with some to spare."""

MOST_SERVER_THREADS = 16
"""A channel takes one or two threads to saturate, and servers have six to twelve."""

SERVER_CORES = 32
SERVER_MODULES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How memory will be read."""

    threads: int
    """As many as read together at most."""

    is_virtual: bool

    buffer_bytes: int

    cache_bytes: int
    """Last-level cache that the threads can reach; 0 where none is listed."""

    caveats: tuple[str, ...]

    @property
    def thread_counts(self) -> tuple[int, ...]:
        """All threads, on virtual cores half of them, and one."""
        half = {self.threads // 2} if self.is_virtual else set()
        return tuple(sorted({self.threads, *half, 1} - {0}, reverse=True))


def plan_sweep(cpu: Cpu, memory: Memory, *, is_virtual: bool = False) -> Plan:
    """Choose threads and buffer so that memory answers and not the cache.

    Four times the cache, so that few reads of a sweep find their line still there; below twice
    the cache `measure_read_bandwidth` refuses.
    """
    threads = _threads(cpu, memory)
    cache_bytes, is_listed = _reachable_cache(cpu, threads)
    smallest = SMALLEST_BUFFER_BYTES if is_listed else UNLISTED_CACHE_BUFFER_BYTES
    wanted = max(smallest, 4 * cache_bytes)
    largest = max(LARGEST_BUFFER_BYTES, LARGEST_PART_BYTES * threads)
    buffer_bytes = min(wanted, largest, memory.available_bytes // 10)
    return Plan(
        threads=threads,
        is_virtual=is_virtual,
        buffer_bytes=buffer_bytes,
        cache_bytes=cache_bytes,
        caveats=tuple(_caveats(cpu, threads, buffer_bytes, is_virtual=is_virtual)),
    )


def _caveats(cpu: Cpu, threads: int, buffer_bytes: int, *, is_virtual: bool) -> Iterator[str]:
    """Why the figure may be off, as far as that is known before it is taken."""
    cache_bytes, is_listed = _reachable_cache(cpu, threads)
    if not is_listed and buffer_bytes < UNLISTED_CACHE_BUFFER_BYTES:
        yield "a cache that is not listed may have answered part of it"
    elif buffer_bytes < 4 * cache_bytes:
        yield (
            f"caches of {cache_bytes >> 20} MiB may have answered part of the"
            f" {buffer_bytes >> 20} MiB that were read"
        )
    if threads == MOST_SERVER_THREADS and threads < _usable_cores(cpu):
        yield f"{threads} of {_usable_cores(cpu)} cores read, and more may be faster"
    if (cpu.numa_nodes or 1) > 1:
        yield f"the memory of {cpu.numa_nodes} NUMA nodes was read together"
    if is_virtual and threads > 1:
        yield "the host of this virtual machine may run two of its CPUs on one core"
    if has_slow_memchr():
        yield "this C library searches without vectors, so memory may be faster"


def _usable_cores(cpu: Cpu) -> int:
    return cpu.usable_cores or cpu.allowed_cores or cpu.logical_cores or 1


def _threads(cpu: Cpu, memory: Memory) -> int:
    usable = _usable_cores(cpu)
    is_server = usable >= SERVER_CORES or (memory.module_count or 0) >= SERVER_MODULES
    return max(1, min(usable, MOST_SERVER_THREADS if is_server else MOST_THREADS))


def _reachable_cache(cpu: Cpu, threads: int) -> tuple[int, bool]:
    """Bytes of the last level that so many threads can reach, and whether a third is listed.

    At worst each thread sits at a cache of its own, the largest ones.
    """
    level = max((cache.level for cache in cpu.caches), default=0)
    sizes = [
        cache.size_bytes
        for cache in cpu.caches
        if cache.level == level
        for _ in range(min(cache.instances, threads))
    ]
    return sum(sorted(sizes, reverse=True)[:threads]), level >= 3
