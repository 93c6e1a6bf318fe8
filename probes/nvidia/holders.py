"""Who holds the memory of an NVIDIA device now.

Holds the list of processes only; what they hold in sum is not the device's used memory, since
the driver and other containers hold some too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.accelerator import MemoryHolder
from probes.nvidia.bus import is_container

if TYPE_CHECKING:
    from probes.ask import Asker
    from probes.nvidia.nvml import Nvml

_LISTS = ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses")


def memory_holders(
    nvml: Nvml, handle: object, asker: Asker, *, total_bytes: int | None
) -> tuple[MemoryHolder, ...]:
    """The processes with a compute or graphics context on the device, largest first.

    Empty when the driver does not say, as in most containers. A list with an entry that holds
    more than the device has was misread (drivers differ in the entry's length) and is dropped.
    """
    if not _has_known_layout(nvml):
        return ()
    held: dict[int, int | None] = {}
    for question in _LISTS:
        for pid, memory_bytes in _processes(nvml, question, handle):
            held[pid] = max(held.get(pid) or 0, memory_bytes or 0) or None
    if total_bytes is not None and any((size or 0) > total_bytes for size in held.values()):
        return ()
    # NVML may number processes as the host does, and here the number may be another program's.
    is_known = bool(held) and not is_container(asker)
    return tuple(
        MemoryHolder(
            name=process_name(nvml, asker, pid) if is_known else None,
            pid=pid,
            memory_bytes=held[pid],
        )
        for pid in sorted(held, key=lambda pid: (-(held[pid] or 0), pid))
    )


def _has_known_layout(nvml: Nvml) -> bool:
    """False for the first R535 drivers (535.43 to 535.86).

    They lengthened the entry that the third form of the question fills without giving it a new
    name, and took it back. These two functions came and went with it.

    Source: XuehaiPan/nvitop#79 and #88, gpuopenanalytics/pynvml#50. Checked 2026-11-23.
    """
    return not nvml.knows("nvmlDeviceGetConfComputeMemSizeInfo") or nvml.knows(
        "nvmlDeviceGetRunningProcessDetailList"
    )


def _processes(nvml: Nvml, question: str, handle: object) -> list[tuple[int, int | None]]:
    """Pairs of process id and bytes; the bytes are unknown under WDDM and in containers."""
    answer = nvml.ask(question, handle)
    if answer.error is not None:
        answer = nvml.ask(f"{question}_v2", handle)
    return [(int(entry.pid), entry.usedGpuMemory) for entry in answer.value or ()]


def process_name(nvml: Nvml, asker: Asker, pid: int) -> str | None:
    """The program's file name; ``None`` when this user may not see the process."""
    if asker.os != "windows":
        return asker.text(f"/proc/{pid}/comm") or None
    path = nvml.text("nvmlSystemGetProcessName", pid) or ""
    return path.replace("\\", "/").rpartition("/")[2] or None
