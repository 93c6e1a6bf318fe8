"""What the operating system says of the whole machine's memory, before any container's limit.

`psutil` answers for the machine this program runs on, and, because its Linux reader takes the
place of `/proc` as a setting, for a recorded Linux machine too: the same code reads both. Where
psutil cannot answer (a recorded macOS or Windows machine, or a psutil that does not load), the
system's own words are read: `/proc/meminfo`, or the output of a command. Control groups, ZFS and
huge pages are not this file's business.
"""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.errors import ProbeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.ask import Asker

MACOS_TOTAL = ("sysctl", "-n", "hw.memsize")
MACOS_PAGES = ("vm_stat",)
MACOS_SWAP = ("sysctl", "-n", "vm.swapusage")
WINDOWS_TOTALS = (
    "powershell",
    "-NoProfile",
    "-Command",
    "Get-CimInstance Win32_OperatingSystem | Format-List TotalVisibleMemorySize,FreePhysicalMemory",
)

_UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The machine's memory as its kernel counts it."""

    total_bytes: int

    available_bytes: int | None
    """What new programs can have without swapping, cache that can be dropped included."""

    free_bytes: int | None
    """Not even used as cache."""

    swap_total_bytes: int | None

    swap_free_bytes: int | None


def read_totals(asker: Asker) -> Totals:
    """The machine's memory and swap.

    Raises:
        ProbeError: Nobody says how much memory there is in total.
    """
    totals = _from_psutil(asker)
    if totals is None:
        readers = {"linux": _from_meminfo, "macos": _from_vm_stat, "windows": _from_powershell}
        reader = readers.get(asker.os)
        totals = reader(asker) if reader else None
    if totals is None or totals.total_bytes <= 0:
        msg = "neither psutil nor the system's own files and commands say how much memory there is"
        raise ProbeError(msg)
    return totals


def meminfo(asker: Asker) -> dict[str, int]:
    """`/proc/meminfo` in bytes; lines without a unit (counts of huge pages) stay counts."""
    values = {}
    for line in (asker.text("/proc/meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        number, _, unit = rest.strip().partition(" ")
        if number.isdecimal():
            values[name] = int(number) * (1024 if unit == "kB" else 1)
    return values


def _from_psutil(asker: Asker) -> Totals | None:
    try:
        import psutil
    except (ImportError, OSError):
        return None
    reads_recordings = asker.os == "linux" and sys.platform == "linux"
    if not (asker.is_live or reads_recordings):
        return None
    failures = (psutil.Error, OSError, KeyError, ValueError, IndexError, RuntimeError)
    with _psutil_reading(asker):
        try:
            memory = psutil.virtual_memory()
        except failures:
            return None
        try:
            swap = psutil.swap_memory()
        except failures:
            swap = None
    return Totals(
        total_bytes=memory.total,
        available_bytes=memory.available,
        free_bytes=memory.free,
        swap_total_bytes=None if swap is None else swap.total,
        swap_free_bytes=None if swap is None else swap.free,
    )


@contextmanager
def _psutil_reading(asker: Asker) -> Iterator[None]:
    """Point psutil at the asker's `/proc`, and keep its warnings about missing fields to itself.

    Those warnings are about figures we do not use (pages swapped in and out, buffers), and would
    stop a program that runs with `PYTHONWARNINGS=error`.
    """
    import warnings

    import psutil

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        if sys.platform == "linux":
            before = psutil.PROCFS_PATH
            psutil.PROCFS_PATH = str(asker.root / "proc")
            try:
                yield
            finally:
                psutil.PROCFS_PATH = before
        else:
            yield


def _from_meminfo(asker: Asker) -> Totals | None:
    values = meminfo(asker)
    if "MemTotal" not in values:
        return None
    free = values.get("MemFree")
    return Totals(
        total_bytes=values["MemTotal"],
        available_bytes=values.get("MemAvailable", free),
        free_bytes=free,
        swap_total_bytes=values.get("SwapTotal"),
        swap_free_bytes=values.get("SwapFree"),
    )


def _from_vm_stat(asker: Asker) -> Totals | None:
    """What psutil computes on macOS, from the commands' text.

    Available is free + speculative + inactive pages, as psutil has it. Purgeable pages are not
    added: they lie on the active and inactive lists already, and would count twice.
    """
    total = (asker.command(MACOS_TOTAL) or "").strip()
    if not total.isdecimal():
        return None
    pages = _page_counts(asker.command(MACOS_PAGES) or "")
    unused = [pages.get(name) for name in ("free", "speculative", "inactive")]
    free, speculative, inactive = (
        None if part is None else part * pages["size"] for part in unused
    )
    swap = asker.command(MACOS_SWAP) or ""
    return Totals(
        total_bytes=int(total),
        available_bytes=(
            None if free is None or inactive is None else free + inactive + (speculative or 0)
        ),
        free_bytes=free,
        swap_total_bytes=_swap_bytes(swap, "total"),
        swap_free_bytes=_swap_bytes(swap, "free"),
    )


def _page_counts(vm_stat: str) -> dict[str, int]:
    """Pages by kind, and `size`, the bytes of one; empty when the text is not `vm_stat`'s."""
    size = re.search(r"page size of (\d+) bytes", vm_stat)
    if size is None:
        return {}
    counts = re.findall(r"^Pages (\w+):\s+(\d+)\.", vm_stat, re.MULTILINE)
    return {"size": int(size[1])} | {name: int(count) for name, count in counts}


def _swap_bytes(swapusage: str, name: str) -> int | None:
    """One figure of `total = 2048.00M  used = 512.00M  free = 1536.00M`."""
    found = re.search(rf"{name} = (\d+(?:\.\d+)?)([BKMGT]?)", swapusage)
    return None if found is None else round(float(found[1]) * _UNITS[found[2]])


def _from_powershell(asker: Asker) -> Totals | None:
    text = asker.command(WINDOWS_TOTALS) or ""
    kib = {name: int(count) for name, count in re.findall(r"(\w+)\s*:\s*(\d+)", text)}
    if "TotalVisibleMemorySize" not in kib:
        return None
    free = kib.get("FreePhysicalMemory")
    return Totals(
        total_bytes=kib["TotalVisibleMemorySize"] * 1024,
        available_bytes=None if free is None else free * 1024,
        free_bytes=None,
        swap_total_bytes=None,
        swap_free_bytes=None,
    )
