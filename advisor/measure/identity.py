"""Which machine, and which file: the marks by which a measurement is found again.

Nothing here names a person: a machine is known by its processor, memory and GPUs, a file by its
size and a hash of its two ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.accelerator import Accelerator
    from probes.machine import Machine

END_BYTES = 1 << 20
"""Of a file, so much at either end is hashed: hashing all of 40 GB takes longer than timing it."""

GIB = 1 << 30


def machine_identity(machine: Machine) -> str:
    """What a measurement must have been taken on.

    Processor and cores, memory to the next GiB (kernels count a little differently from one
    version to the next), and every GPU by its driver's name and memory, usable now or not.
    """
    cpu = machine.cpu
    cores = cpu.physical_cores or cpu.logical_cores or "?"
    parts = [
        f"{cpu.name or cpu.architecture}, {cores} cores",
        f"{round(machine.memory.total_bytes / GIB)} GiB",
        *sorted(_accelerator(one) for one in machine.accelerators),
    ]
    return " | ".join(parts)


def _accelerator(one: Accelerator) -> str:
    total = one.memory_total_bytes
    return f"{one.name}, {'?' if total is None else f'{total / GIB:.1f}'} GiB"


def file_mark(path: Path) -> str:
    """A mark of a file's contents: SHA-256 of its size, its first and its last MiB.

    The first holds the header, by which quants of one model differ; the last some weights, by
    which its fine-tuned versions do.

    Raises:
        OSError: The file cannot be read.
    """
    from hashlib import sha256

    size = path.stat().st_size
    found = sha256(f"{size}:".encode())
    with path.open("rb") as file:
        found.update(file.read(END_BYTES))
        file.seek(max(size - END_BYTES, 0))
        found.update(file.read(END_BYTES))
    return found.hexdigest()
