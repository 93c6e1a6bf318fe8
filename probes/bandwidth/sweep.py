"""Reads memory for a moment with some threads and counts, by wall time and by CPU time.

Holds the timed loop and nothing else: how large the buffer must be and what the counts are worth
is decided in `probes.bandwidth.probe`.

The loop is the C library's ``memchr`` looking for a byte that is not there. It reads every byte
once, writes none (a copy would count traffic that decoding does not cause), is vectorised by
every serious C library, and needs neither a compiler nor numpy. ctypes lets go of the
interpreter's lock during the call, so the threads run side by side.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Sequence

LARGEST_CHUNK_BYTES = 8 << 20
"""Read by one call: long enough (0.3 ms) that threads seldom meet at the interpreter's lock."""

_PAGE_BYTES = 4096
_WRITTEN, _SOUGHT = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What one thread read in one short stretch of time."""

    read_bytes: int
    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What some threads read at the same time."""

    rows: tuple[tuple[Burst, ...], ...]
    """One row a thread, in the order of time; equal columns happened side by side."""

    @property
    def threads(self) -> int:
        """How many threads read."""
        return len(self.rows)


class SweepFailedError(Exception):
    """The memory, a thread or the C library could not be had; the message says which."""


class _Memory:
    """Anonymous memory with its address, given back when nobody holds this object any more."""

    def __init__(self, size_bytes: int) -> None:
        import ctypes
        import mmap

        try:
            mapping = mmap.mmap(-1, size_bytes)
        except (OSError, ValueError, MemoryError) as error:
            msg = f"{size_bytes >> 20} MiB of memory could not be had"
            raise SweepFailedError(msg) from error
        if sys.platform == "linux":
            # Faults in small pages take longer than the timing itself.
            with suppress(OSError, AttributeError):
                mapping.madvise(mmap.MADV_HUGEPAGE)
        self._pin = ctypes.c_char.from_buffer(mapping)
        self.address = ctypes.addressof(self._pin)
        self.size_bytes = size_bytes


def sweep_memory(
    *, thread_counts: Sequence[int], buffer_bytes: int, burst_s: float, bursts: int
) -> tuple[Sweep, ...]:
    """Read one buffer over and over, with so many threads at once, then with so many others.

    The first threads write it before the timing, each its own part: an untouched page would be
    the kernel's one zero page, which lies in the cache; and who touches a page first gets it in
    its own node's memory.

    Args:
        thread_counts: Threads that read together, largest count first; a sweep for each. [count]
        buffer_bytes: Memory that all of them read together. [bytes]
        burst_s: Length of one burst by wall time; the last call may overrun it. [s]
        bursts: Bursts per thread. [count]

    Raises:
        SweepFailedError: Memory, a thread or the C library could not be had.
    """
    library = _c_library()
    memory = _Memory(buffer_bytes)

    def sweep(threads: int, *, is_first: bool) -> Sweep:
        part_bytes = buffer_bytes // threads // _PAGE_BYTES * _PAGE_BYTES
        gate = threading.Barrier(threads)
        results: list[tuple[Burst, ...]] = [()] * threads

        # `kept` makes each thread hold the memory: were the main thread interrupted and the
        # memory given back, the others would read where there is none.
        def work(index: int, kept: _Memory) -> None:
            address = kept.address + index * part_bytes
            if is_first:
                library.memset(address, _WRITTEN, part_bytes)
            with suppress(threading.BrokenBarrierError):
                gate.wait()
                results[index] = _read(library, address, part_bytes, burst_s, bursts)

        _run_threads(
            [
                threading.Thread(target=work, args=(index, memory), daemon=True)
                for index in range(threads)
            ],
            gate,
        )
        return Sweep(rows=tuple(results))

    return tuple(
        sweep(threads, is_first=number == 0) for number, threads in enumerate(thread_counts)
    )


def _run_threads(threads: list[threading.Thread], gate: threading.Barrier) -> None:
    """Start all and wait for all; when one cannot start, release those that wait for it."""
    try:
        for thread in threads:
            thread.start()
    except RuntimeError as error:
        gate.abort()
        msg = f"{len(threads)} threads could not be started"
        raise SweepFailedError(msg) from error
    for thread in threads:
        thread.join()


def _read(
    library: ctypes.CDLL, address: int, size_bytes: int, burst_s: float, bursts: int
) -> tuple[Burst, ...]:
    """Read a stretch of memory over and over, as long as the bursts take."""
    chunks = -(-size_bytes // LARGEST_CHUNK_BYTES)
    chunk_bytes = size_bytes // chunks
    last = (chunks - 1) * chunk_bytes
    rows = []
    offset = 0
    for _ in range(bursts):
        read_bytes, wall_s = 0, 0.0
        wall, cpu = time.perf_counter(), time.thread_time()
        # A read at least: a thread put aside at once would else have a burst of nothing.
        while wall_s < burst_s:
            library.memchr(address + offset, _SOUGHT, chunk_bytes)
            read_bytes += chunk_bytes
            offset = 0 if offset == last else offset + chunk_bytes
            wall_s = time.perf_counter() - wall
        rows.append(Burst(read_bytes=read_bytes, wall_s=wall_s, cpu_s=time.thread_time() - cpu))
    return tuple(rows)


def _c_library() -> ctypes.CDLL:
    import ctypes

    try:
        library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
        for function in (library.memchr, library.memset):
            function.restype = ctypes.c_void_p
            function.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
    except (OSError, AttributeError, TypeError) as error:
        msg = "the C library could not be asked"
        raise SweepFailedError(msg) from error
    return library


def has_slow_memchr() -> bool:
    """True where ``memchr`` reads a word at a time, so that it waits for itself, not for memory.

    musl's does; glibc's, Apple's and Microsoft's are vectorised. glibc alone answers to
    ``gnu_get_libc_version``.
    """
    is_slow = False
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError):
            is_slow = not hasattr(ctypes.CDLL(None), "gnu_get_libc_version")
    return is_slow
